package phone

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"dotyk/starter/devenv/internal/answer"
)

const (
	defaultPage = 50
	largestPage = 1000
)

// listing is a page of messages as Twilio's API shows it.
type listing struct {
	Messages []resource `json:"messages"`
	paging
}

// paging says where a page of a list stands.
type paging struct {
	Start           int     `json:"start"`
	End             int     `json:"end"`
	Page            int     `json:"page"`
	PageSize        int     `json:"page_size"`
	URI             string  `json:"uri"`
	FirstPageURI    string  `json:"first_page_uri"`
	NextPageURI     *string `json:"next_page_uri"`
	PreviousPageURI *string `json:"previous_page_uri"` // always null: nobody goes back
}

// listResources lists messages of both directions, newest first.
func (p *Phone) listResources(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if p.faulty(w, r, Call{Operation: List, To: query.Get("To"), From: query.Get("From")}) {
		return
	}
	keep, err := filterOf(query)
	if err != nil {
		p.fail(w, err)
		return
	}
	found, paging := p.pageOf(r, keep)
	l := listing{Messages: make([]resource, len(found)), paging: paging}
	for i, m := range found {
		l.Messages[i] = p.resource(m)
	}
	answer.JSON(w, p.log, http.StatusOK, l)
}

// pageOf gives the page of a list that a call asks for, newest first. The token of the next page names the last message
// of this one, so that messages which come in between do not shift the pages.
func (p *Phone) pageOf(r *http.Request, keep func(stored) bool) ([]stored, paging) {
	query := r.URL.Query()
	found := p.store.find(keep)
	slices.Reverse(found)
	if after := strings.TrimPrefix(query.Get("PageToken"), "PA"); after != "" {
		last := slices.IndexFunc(found, func(m stored) bool { return m.ID == after })
		found = found[last+1:]
	}
	size := intOr(query.Get("PageSize"), defaultPage)
	size = min(max(size, 1), largestPage)
	page := max(intOr(query.Get("Page"), 0), 0)
	at := paging{
		Start: page * size, End: page*size + max(min(len(found), size)-1, 0), Page: page, PageSize: size,
		URI: r.URL.RequestURI(), FirstPageURI: pageURI(r.URL, 0, size, ""),
	}
	if len(found) > size {
		found = found[:size]
		at.NextPageURI = new(pageURI(r.URL, page+1, size, "PA"+found[size-1].ID))
	}
	return found, at
}

func intOr(raw string, otherwise int) int {
	n, err := strconv.Atoi(raw)
	if err != nil {
		return otherwise
	}
	return n
}

func pageURI(u *url.URL, page, size int, token string) string {
	query := u.Query()
	query.Set("PageSize", strconv.Itoa(size))
	query.Set("Page", strconv.Itoa(page))
	query.Del("PageToken")
	if token != "" {
		query.Set("PageToken", token)
	}
	return u.Path + "?" + query.Encode()
}

// filterOf reads the filters of a list call. A message that was not sent yet has no date, and no filter by date finds
// it. A date without a time stands for the whole day in UTC, and both bounds include what they name.
func filterOf(query url.Values) (func(stored) bool, error) {
	var from, until time.Time
	for name, value := range query {
		if !strings.HasPrefix(name, "DateSent") || value[0] == "" {
			continue
		}
		at, span, err := readDate(value[0])
		if err != nil {
			return nil, invalid(20001, "Invalid %s: %s", name, value[0])
		}
		switch name {
		case "DateSent>":
			from = at
		case "DateSent<":
			until = at.Add(span)
		case "DateSent":
			from = at.Truncate(24 * time.Hour)
			until = from.Add(24 * time.Hour)
		}
	}
	to, sender := query.Get("To"), query.Get("From")
	return func(m stored) bool {
		if m.Channel != "" || (to != "" && m.To != to) || (sender != "" && m.From != sender) {
			return false
		}
		if from.IsZero() && until.IsZero() {
			return true
		}
		if m.SentAt == nil {
			return false
		}
		at := m.SentAt.Truncate(time.Second) // what the API shows
		return !at.Before(from) && (until.IsZero() || at.Before(until))
	}, nil
}

// readDate gives the beginning of what a date names, and how long that is.
func readDate(raw string) (time.Time, time.Duration, error) {
	if at, err := time.Parse(time.DateOnly, raw); err == nil {
		return at, 24 * time.Hour, nil
	}
	at, err := time.Parse(time.RFC3339, raw)
	return at.UTC().Truncate(time.Second), time.Second, err
}
