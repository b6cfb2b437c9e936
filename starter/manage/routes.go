package manage

import "net/http"

// membersPath takes lists that are too long to be held in memory, so it is treated apart.
const membersPath = Base + "/segments/{name}/members"

// routes is everything this package answers, besides its description.
func (s *server) routes() {
	const get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete

	list := operation(get, "/segments", "listSegments", "segments", "List the segments by name")
	add(s, list, s.listSegments)
	create := operation(post, "/segments", "createSegment", "segments", "Create a segment; its members are found in the background")
	create.DefaultStatus = http.StatusCreated
	add(s, create, s.createSegment)
	add(s, operation(post, "/segments/preview", "previewSegment", "segments", "Count and sample whom a rule selects, and say how"), s.preview)
	add(s, operation(get, "/segments/{name}", "getSegment", "segments", "Show a segment"), s.getSegment)
	add(s, operation(patch, "/segments/{name}", "editSegment", "segments", "Change a segment; a new rule finds its members again"), s.editSegment)
	add(s, operation(del, "/segments/{name}", "deleteSegment", "segments", "Delete a segment; its members leave it"), s.deleteSegment)
	add(s, operation(get, "/segments/{name}/members", "listMembers", "segments", "List the members, now or at a past moment"), s.listMembers)
	s.addImport()
	add(s, operation(get, "/segments/{name}/explain", "explainMembership", "segments", "Explain why a customer is a member, or is not"), s.explainMembership)
	add(s, operation(get, "/segments/{name}/history", "segmentHistory", "segments", "List who joined and left, when and why, the newest first"), s.history)
	rebuild := operation(post, "/segments/{name}/rebuild", "rebuildSegment", "segments", "Find the members from scratch, in the background")
	rebuild.DefaultStatus = http.StatusAccepted
	add(s, rebuild, s.rebuild)
	add(s, operation(get, "/customers/{id}/segments", "customerSegments", "segments", "List the segments that a customer is in"), s.customerSegments)

	add(s, operation(post, "/rules/check", "checkRule", "rules", "Check a rule against what is known about the workspace"), s.checkRule)

	add(s, operation(get, "/catalogue", "listCatalogue", "catalogue", "List the known attributes, events and properties"), s.listCatalogue)
	add(s, operation(put, "/catalogue", "declare", "catalogue", "Declare entries, with their types"), s.declare)
	add(s, operation(del, "/catalogue/attributes/{name}", "undeclareAttribute", "catalogue", "Take back the declaration of an attribute"), s.undeclareAttribute)
	add(s, operation(del, "/catalogue/events/{event}", "undeclareEvent", "catalogue", "Take back the declaration of an event"), s.undeclareEvent)
	add(s, operation(del, "/catalogue/events/{event}/properties/{name}", "undeclareProperty", "catalogue", "Take back the declaration of a property"), s.undeclareProperty)

	s.campaignRoutes()
	s.callRoutes()
	s.accountRoutes()
}
