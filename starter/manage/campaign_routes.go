package manage

import (
	"net/http"

	"dotyk/activities/store"
)

// campaignRoutes are those of campaigns, and of what campaigns make for people and customers.
func (s *server) campaignRoutes() {
	const get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
	const tag = "campaigns"

	add(s, operation(get, "/campaign-schema", "campaignSchema", tag, "The JSON Schema of the campaign language"), s.campaignSchema)
	add(s, operation(get, "/campaign-drafts", "listDrafts", tag, "List the drafts by name"), s.listDrafts)
	add(s, operation(get, "/campaigns", "listCampaigns", tag, "List the campaigns by name"), s.listCampaigns)
	add(s, operation(post, "/campaigns/check", "checkCampaign", tag, "Say what is wrong with a campaign, and what may be"), s.checkCampaign)
	add(s, operation(get, "/campaigns/{name}", "getCampaign", tag, "Show a campaign with the version that customers enter"), s.getCampaign)
	add(s, operation(get, "/campaigns/{name}/draft", "getDraft", tag, "Show the draft; its ETag is its revision"), s.getDraft)
	add(s, operation(put, "/campaigns/{name}/draft", "saveDraft", tag, "Save the draft, faulty or not: with If-Match over the revision that was read, without it as a new one"), s.saveDraft)
	add(s, operation(del, "/campaigns/{name}/draft", "deleteDraft", tag, "Delete the draft"), s.deleteDraft)
	add(s, operation(post, "/campaigns/{name}/plan", "planCampaign", tag, "Say what publishing would do to journeys under way"), s.planCampaign)
	add(s, operation(post, "/campaigns/{name}/publish", "publishCampaign", tag, "Publish what is sent, or the draft, as a new version"), s.publishCampaign)
	add(s, operation(post, simulatePath, "simulateCampaign", tag, "Play what is sent, or the draft, over what really happened"), s.simulateCampaign)
	add(s, operation(post, "/campaigns/{name}/rollback", "rollbackCampaign", tag, "Publish an earlier version again, as a new one"), s.rollbackCampaign)
	add(s, operation(get, "/campaigns/{name}/versions", "campaignVersions", tag, "List the versions, the newest first"), s.campaignVersions)
	add(s, operation(get, "/campaigns/{name}/versions/{version}", "getCampaignVersion", tag, "Show a version with its text"), s.getVersion)
	add(s, operation(get, "/campaigns/{name}/diff", "campaignDiff", tag, "Compare two versions, or one with the draft"), s.campaignDiff)
	add(s, operation(get, "/campaigns/{name}/results", "campaignResults", tag, "Count what the campaign came to"), s.campaignResults)
	for _, verb := range []struct {
		name, summary string
		status        store.CampaignStatus
	}{
		{"pause", "Pause: nobody enters, journeys wait, nothing is sent", store.Paused},
		{"stop", "Stop: nobody enters, and journeys under way leave", store.Stopped},
		{"archive", "Put a campaign that is over out of the way", store.Archived},
	} {
		add(s, operation(post, "/campaigns/{name}/"+verb.name, verb.name+"Campaign", tag, verb.summary), s.setStatus(verb.status))
	}
	enter := operation(post, "/campaigns/{name}/enter", "enterCampaign", tag, "Ask for a customer to be let in; the engine decides, and why tells")
	enter.DefaultStatus = http.StatusAccepted
	add(s, enter, s.enter)
	add(s, operation(get, "/customers/{id}/why/{campaign}", "whyCampaign", tag, "Tell why a customer got what a campaign sends, or why not"), s.why)

	add(s, operation(get, "/tasks", "listTasks", "tasks", "List tasks, those that are due first"), s.listTasks)
	add(s, operation(get, "/tasks/{id}", "getTask", "tasks", "Show a task"), s.getTask)
	add(s, operation(post, "/tasks/{id}/complete", "completeTask", "tasks", "Close a task, done or cancelled; journeys hear of it"), s.completeTask)
	add(s, operation(post, "/tasks/{id}/assign", "assignTask", "tasks", "Give a task to a user"), s.assignTask)
	dial := operation(post, "/tasks/{id}/dial", "dialTask", "tasks", "Dial a call: it rings the user who has the task, then the customer")
	dial.DefaultStatus = http.StatusAccepted
	add(s, dial, s.dialTask)
	add(s, operation(get, "/users", "listUsers", "users", "List the users by e-mail"), s.listUsers)
	add(s, operation(post, "/users", "saveUser", "users", "Make a user, or change the one with this e-mail"), s.saveUser)
	add(s, operation(get, "/coupons", "listCouponPools", "coupons", "List the pools of coupons"), s.listPools)
	add(s, operation(post, "/coupons/{pool}", "addCoupons", "coupons", "Put codes into a pool"), s.addCoupons)
	add(s, operation(get, "/policy", "getPolicy", "policy", "Show quiet hours, caps and the holdout of all marketing"), s.getPolicy)
	add(s, operation(put, "/policy", "setPolicy", "policy", "Set quiet hours, caps and the holdout of all marketing"), s.setPolicy)
	add(s, operation(get, "/workspace", "getWorkspace", "workspace", "Show the workspace's time zone and country"), s.getWorkspace)
	add(s, operation(patch, "/workspace", "editWorkspace", "workspace", "Change the workspace's time zone, country, or both"), s.editWorkspace)
}
