package tracking

import (
	"dotyk/channels"
	"dotyk/rules/audience"
)

// NoTracking is the attribute with which a customer, when it is true, is left alone.
const NoTracking = "no_tracking"

// Allowed says whether the links and the picture of a message to the customer may tell us that they were used: the
// workspace, the customer and the campaign must all have nothing against it. Where it is false, links stay as they are,
// and there is no picture.
func Allowed(settings channels.TrackingSettings, customer audience.Customer, campaign bool) bool {
	refused, _ := customer.Attributes[NoTracking].(bool)
	return campaign && !settings.Off && !refused
}
