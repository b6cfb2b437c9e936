package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
)

// Topic is what customers consent to.
type Topic struct {
	Name   string
	Policy audience.TopicPolicy
	Title  map[string]string // language (en, uk) -> what customers read; without one they read the name
	Hidden bool              // it is not shown on the preference page
}

// TitleIn gives what customers read in a language: else in English, else the name.
func (t *Topic) TitleIn(language string) string {
	for _, l := range []string{language, "en"} {
		if title := t.Title[l]; title != "" {
			return title
		}
	}
	return t.Name
}

// Topics lists the topics of a workspace by name: those with a policy, and those that its live campaigns have.
func (s *Store) Topics(ctx context.Context, workspace int64) ([]Topic, error) {
	var list []Topic
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var err error
		list, err = tx.topics(ctx)
		return err
	})
	return list, wrap("list topics", err)
}

func (tx *Tx) topics(ctx context.Context) ([]Topic, error) {
	rows, _ := tx.conn.Query(ctx, `SELECT name, policy, title, hidden FROM topics WHERE workspace_id = $1
		UNION ALL
		SELECT DISTINCT v.definition::jsonb ->> 'topic', 'opt_out', '{}'::jsonb, false FROM campaigns c
		JOIN campaign_versions v ON v.workspace_id = $1 AND v.campaign_id = c.id AND v.version = c.version
		WHERE c.workspace_id = $1 AND c.status IN ('live', 'paused') AND NOT c.transactional
			AND coalesce(v.definition::jsonb ->> 'topic', '') <> ''
			AND v.definition::jsonb ->> 'topic' NOT IN (SELECT name FROM topics WHERE workspace_id = $1)
		ORDER BY 1`, tx.Workspace)
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Topic])
}

// TopicEdit changes a topic; nil leaves a field as it is.
type TopicEdit struct {
	Policy *audience.TopicPolicy
	Title  map[string]string // replaces those of the languages it names; "" takes one away
	Hidden *bool
}

// EditTopic makes or changes a topic. A new one without a policy is opt-in. ErrInvalid for a name or policy that cannot
// be. With the first topic that asks for a confirmation the campaign that asks is published, see ConfirmCampaign.
func (s *Store) EditTopic(ctx context.Context, workspace int64, name string, edit TopicEdit) error {
	if err := checkTopic(name, edit); err != nil {
		return fmt.Errorf("edit topic: %w", err)
	}
	err := s.In(ctx, workspace, func(tx *Tx) error {
		policy := ""
		if edit.Policy != nil {
			policy = string(*edit.Policy)
		}
		title := edit.Title
		if title == nil {
			title = map[string]string{}
		}
		if _, err := tx.conn.Exec(ctx, `INSERT INTO topics AS t (workspace_id, name, policy, title, hidden)
			VALUES ($1, $2, coalesce(nullif($3, ''), 'opt_in'), $4, coalesce($5, false))
			ON CONFLICT (workspace_id, name) DO UPDATE SET policy = coalesce(nullif($3, ''), t.policy), title = t.title || $4,
				hidden = coalesce($5, t.hidden)`, workspace, name, policy, title, edit.Hidden); err != nil {
			return err
		}
		if edit.Policy != nil {
			if err := tx.askersFor(ctx, *edit.Policy); err != nil {
				return err
			}
		}
		return tx.Audit(ctx, "topic.changed", name, map[string]any{"policy": policy, "title": title})
	})
	return wrap("edit topic "+name, err)
}

func checkTopic(name string, edit TopicEdit) error {
	switch {
	case name == "" || name == audience.AllTopics || len(name) > 100 || strings.TrimSpace(name) != name || clean(name) != name:
		return fmt.Errorf("%w: %q is no name of a topic: write up to 100 letters, and not * alone", ErrInvalid, name)
	case edit.Policy != nil && !edit.Policy.Valid():
		return fmt.Errorf("%w: %q is no policy: write opt_in, opt_out or double_opt_in", ErrInvalid, *edit.Policy)
	}
	for language, title := range edit.Title {
		if language != "en" && language != "uk" {
			return fmt.Errorf("%w: pages are in en and uk, and not in %q", ErrInvalid, language)
		}
		if len(title) > 200 {
			return fmt.Errorf("%w: the title in %s is longer than 200 bytes", ErrInvalid, language)
		}
	}
	return nil
}

// SetTopicPolicy says what the absence of consent means for a topic.
func (s *Store) SetTopicPolicy(ctx context.Context, workspace int64, topic string, policy audience.TopicPolicy) error {
	return s.EditTopic(ctx, workspace, topic, TopicEdit{Policy: &policy})
}

// askersFor sees to it that somebody asks for confirmations where they are needed.
func (tx *Tx) askersFor(ctx context.Context, policy audience.TopicPolicy) error {
	if policy != audience.DoubleOptIn {
		return nil
	}
	_, _, err := tx.campaignNamed(ctx, ConfirmCampaign, "")
	if !errors.Is(err, ErrNotFound) {
		return err
	}
	return tx.publishConfirmation(ctx)
}
