package importer

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// meter shows how far an import is: a bar on a terminal, elsewhere a line now and then. What it writes is only for
// people, so a writer that fails does not stop an import.
type meter struct {
	out      io.Writer
	terminal bool
	now      func() time.Time

	label       string
	total, from int64
	began, next time.Time
	bar         *progressbar.ProgressBar
}

// meterInterval is the time between two lines where there is no terminal.
const meterInterval = 5 * time.Second

// begin starts a phase that goes from a byte to the last.
func (m *meter) begin(label string, total, from int64) {
	m.label, m.total, m.from = label, total, from
	m.began = m.now()
	m.next = m.began.Add(meterInterval)
	if !m.terminal {
		return
	}
	m.bar = progressbar.NewOptions64(max(total, 1),
		progressbar.OptionSetWriter(m.out), progressbar.OptionSetDescription(label), progressbar.OptionShowBytes(true),
		progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(24),
		progressbar.OptionClearOnFinish())
	m.bar.Reset() // the rate counts from here
	_ = m.bar.Set64(from)
}

// at says that the phase has reached a byte, and how many lines that are.
func (m *meter) at(offset int64, lines int) {
	if m.bar != nil {
		m.bar.Describe(fmt.Sprintf("%s, %s lines", m.label, grouped(lines)))
		_ = m.bar.Set64(min(offset, m.total))
		return
	}
	now := m.now()
	if now.Before(m.next) {
		return
	}
	m.next = now.Add(meterInterval)
	const mega = 1 << 20
	elapsed := now.Sub(m.began).Seconds()
	rate := float64(offset-m.from) / max(elapsed, 0.001)
	left := time.Duration(float64(m.total-offset) / max(rate, 1) * float64(time.Second)).Round(time.Second)
	m.say("%s: %d %%, %.1f of %.1f MB at %.1f MB/s, %s lines, about %s left", m.label, offset*100/max(m.total, 1),
		float64(offset)/mega, float64(m.total)/mega, rate/mega, grouped(lines), left)
}

// end takes the bar away.
func (m *meter) end() {
	if m.bar != nil {
		_ = m.bar.Finish()
		m.bar = nil
	}
}

// say writes a line.
func (m *meter) say(format string, args ...any) {
	if m.bar != nil {
		_ = m.bar.Clear()
	}
	_, _ = fmt.Fprintf(m.out, format+"\n", args...)
}

// grouped writes 42481 as 42,481.
func grouped(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
