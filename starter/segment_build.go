package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"dotyk/activities/store"
	"dotyk/starter/manage"
)

// report says what became of a segment that was saved, after waiting for its members if that was asked for.
func (b *builds) report(p *program, st *store.Store, ws int64, g store.Segment) error {
	note := ""
	if b.Wait && g.Status == store.SegmentBuilding {
		w := &watch{store: st, workspace: ws, patience: b.Patience, program: p}
		var err error
		if g, note, err = w.built(g); err != nil {
			return err
		}
	}
	if b.JSON {
		if err := printJSON(p.stdout, manage.NewSegment(g)); err != nil {
			return err
		}
	}
	switch {
	case g.Status == store.SegmentFailed:
		return fmt.Errorf("segment %s could not be built: %s", g.Name, oneLines(g.Problem))
	case b.JSON && note != "":
		fmt.Fprintln(p.stderr, note)
	case b.JSON:
	case g.Status == store.SegmentLive:
		fmt.Fprintf(p.stdout, "segment %s is live with %s\n", g.Name, plural(g.Members, "member"))
	case note != "":
		fmt.Fprintln(p.stdout, note)
	default:
		fmt.Fprintf(p.stdout, "segment %s is being built\n", g.Name)
	}
	return nil
}

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// watch waits for the build of a segment.
type watch struct {
	*program
	store     *store.Store
	workspace int64
	patience  time.Duration
}

// pause between two looks at a build.
const pause = 200 * time.Millisecond

// built waits until a segment is built. When no worker has done anything for it for as long as patience lasts,
// it gives the segment as it is with a note that says so.
func (w *watch) built(g store.Segment) (store.Segment, string, error) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	defer w.progress("")
	patience := time.NewTicker(w.patience)
	defer patience.Stop()
	scanned := int64(0)
	for {
		var err error
		if g, err = w.store.Segment(w.ctx, w.workspace, g.Name); err != nil {
			return g, "", err
		}
		if g.Status != store.SegmentBuilding {
			return g, "", nil
		}
		w.progress(progressLine(g))
		select {
		case <-tick.C:
		case <-patience.C:
			idle, err := w.idle(g)
			if err != nil {
				return g, "", err
			}
			if idle && g.Scanned == scanned {
				note, err := w.waiting(g)
				return g, note, err
			}
			scanned = g.Scanned
		case <-w.ctx.Done():
			return g, "", fmt.Errorf("stopped waiting; segment %s is saved and goes on being built: %w", g.Name, w.ctx.Err())
		}
	}
}

// waiting is the note on a segment that nobody builds yet. Workers may be busy with others, or there may be none.
func (w *watch) waiting(g store.Segment) (string, error) {
	list, err := w.store.BuildingSegments(w.ctx)
	if err != nil {
		return "", err
	}
	wait := "segments wait"
	if len(list) == 1 {
		wait = "segment waits"
	}
	return fmt.Sprintf("segment %s is saved; %d %s for members to be found, which goes on in the background while a worker runs (make up or bin/worker starts one): starter segment show %s tells how far it is", g.Name, len(list), wait, g.Name), nil
}

var errLookedOnly = errors.New("only looked")

// idle reports whether nobody builds the segment: then its build could be claimed, which is undone at once.
func (w *watch) idle(g store.Segment) (bool, error) {
	err := w.store.In(w.ctx, w.workspace, func(tx *store.Tx) error {
		if _, _, err := tx.ClaimBuild(w.ctx, g.ID); err != nil {
			return err
		}
		return errLookedOnly
	})
	switch {
	case errors.Is(err, errLookedOnly):
		return true, nil
	case errors.Is(err, store.ErrNotFound):
		return false, nil
	}
	return false, err
}

func progressLine(g store.Segment) string {
	if g.Total == 0 {
		return fmt.Sprintf("segment %s: finding members …", g.Name)
	}
	return fmt.Sprintf("segment %s: %d of %d customers looked at (%d %%)", g.Name, g.Scanned, g.Total, 100*g.Scanned/g.Total)
}

// progress rewrites the line of a terminal; elsewhere it would only fill a log.
func (w *watch) progress(line string) {
	if f, ok := w.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprintf(w.stderr, "\r\x1b[K%s", line)
	}
}
