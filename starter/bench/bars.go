package main

import (
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// bars shows how far a measurement is, where somebody looks.
type bars struct {
	out     *os.File
	visible bool
	current *progressbar.ProgressBar
}

func newBars(out *os.File) *bars {
	return &bars{out: out, visible: term.IsTerminal(int(out.Fd()))}
}

// start replaces the bar by a new one.
func (b *bars) start(title string) func(done, total int) {
	b.end()
	bar := progressbar.NewOptions(1, progressbar.OptionSetWriter(b.out), progressbar.OptionSetVisibility(b.visible),
		progressbar.OptionSetDescription(title), progressbar.OptionShowCount(), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(30))
	b.current = bar
	return func(done, total int) {
		if bar.GetMax() != total {
			bar.ChangeMax(total)
		}
		_ = bar.Set(done) // it only shows
	}
}

// end takes the bar away.
func (b *bars) end() {
	if b.current != nil {
		_ = b.current.Clear() // it only shows
	}
}
