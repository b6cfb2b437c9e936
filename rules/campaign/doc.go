// Package campaign is the campaign language: YAML or JSON becomes a Definition of typed steps, or violations with a
// place and advice; a Definition has one canonical form and hash. Advance is the interpreter: a pure function from a
// journey's position and the facts to its next position and the effects to carry out.
//
//	campaign: welcome
//	trigger: {event: registered, when: 'customer.email != ""'}
//	topic: news
//	goal: {event: order_completed, within: 14d}
//	exit: [customer.unsubscribed]
//	steps:
//	  - email: {id: hello, template: welcome}
//	  - wait: 2d
//	  - wait_for: {id: viewed, event: product_viewed, timeout: 3d}
//	  - branch:
//	      - when: viewed.happened
//	        steps: [{exit: viewed}]
//	      - else: [{sms: {text: "Come and see"}}]
//
// README.md is the reference for marketers. Which fields there are stands in schema_objects.go, for the reader, the JSON
// Schema and the reference alike. check.go and caution.go look at the world around a campaign, diff.go compares versions.
//
// What a file may hold is documented at Definition, and for each kind of step at its type. Rules are those of package
// rules.
//
// It is pure like rules, and adds only a YAML parser to what rules may import. Start reading at Definition, then
// Advance. A file goes through source.go (bytes to nodes), parse.go and read_*.go (nodes to steps, collecting
// violations), flow.go (steps to a graph) and canonical.go. Who enters is decided in match.go and entry*.go; a journey is
// walked by advance*.go, which rests at the steps of advance_rests.go and wakes by what listen.go names; what holds for all
// campaigns of a workspace is in policy*.go.
package campaign
