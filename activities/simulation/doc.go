// Package simulation plays a campaign over what really happened to a workspace's customers in a past time, and reports
// what it would have done. Nothing is sent, and nothing is written: all is read from one snapshot of the database.
//
// It may import rules/..., channels/content, channels/sms, activities and activities/store. Start reading at Run; the
// playing itself is package rehearsal's. README.md says what the figures mean.
package simulation
