package calendar

import "time"

// Window is a part of the day on some days of the week. One that ends before it begins goes over midnight, and belongs to
// the day on which it begins. One that ends when it begins is the whole day.
type Window struct {
	From, To Clock
	Days     Weekdays
}

// longestWait is how far Until looks: a week, and a day for windows that go over its end.
const longestWait = 8 * 24 * time.Hour

// Until tells whether t lies in one of the windows, and when the windows around it have ended: the first moment at or
// after t that lies in none. It gives false, and t, where t lies in none, and also when there is no such moment within
// eight days.
func Until(windows []Window, t time.Time, zone *time.Location) (time.Time, bool) {
	end := t.In(zone)
	for {
		later := end
		for _, w := range windows {
			if e := w.endAround(end, zone); e.After(later) {
				later = e
			}
		}
		if later.Equal(end) {
			break
		}
		if end = later; end.Sub(t) > longestWait {
			return t, false
		}
	}
	return end, end.After(t)
}

// endAround gives the end of the latest of the window's times that t lies in, or t.
func (w Window) endAround(t time.Time, zone *time.Location) time.Time {
	latest, today := t, DateOf(t, zone)
	// A window that goes over a skipped day began two days ago. One of tomorrow has begun where the clock has shown
	// midnight already and was put back.
	for days := -2; days <= 1; days++ {
		day := today.AddDays(days)
		if !w.Days.Has(day.Weekday()) {
			continue
		}
		if from, to := w.on(day, zone); !t.Before(from) && to.After(latest) {
			latest = to
		}
	}
	return latest
}

// on gives the moments at which the window of a day begins and ends.
func (w Window) on(day Date, zone *time.Location) (from, to time.Time) {
	last := day
	if w.To <= w.From {
		last = day.AddDays(1)
	}
	return w.From.On(day, zone), lastShown(w.To.reading(last), zone)
}
