package calendar

import (
	"time"

	"github.com/robfig/cron/v3"
)

// NextWithSeconds is Schedule.Next for a cron expression of six fields, seconds first.
func NextWithSeconds(s string, t time.Time, zone *time.Location) (time.Time, bool, error) {
	fields := cron.Second | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor
	spec, err := cron.NewParser(fields).Parse(s)
	if err != nil {
		return time.Time{}, false, err
	}
	next, ok := cronSeries{spec}.next(t, zone)
	return next, ok, nil
}
