// Command bench measures Dotyk beside the physical limit of the very machine it runs on: journeys beside bare Temporal
// workflows, stored events beside COPY, rules about customers beside SQL written by hand. Both sides run in turns on one
// private Postgres with fsync on, several times over; what is printed are medians, ratios first. The world outside,
// which posts events and takes mail, is a second process of this program, so that its work is not taken for ours.
//
// It may import everything but the Temporal server itself, which starter/devenv holds. Start reading at experiment.go
// (what an experiment is and how it runs), then triggered.go, ingest.go, pick.go and segments.go (what there is), lab.go
// (what is measured) and outside.go (the world around it).
package main
