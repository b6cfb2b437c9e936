package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"dotyk/rules/campaign"
)

// ownerAttribute is the attribute of a customer that holds the e-mail address of her owner.
const ownerAttribute = "owner"

// staff finds whom work is for.
type staff struct {
	users  map[string]string // id by e-mail address; nil while nobody is assigned to anything
	turns  map[string]int64  // whose turn it is next, by those who take turns
	owners map[string]string // by customer, where this batch changed them
}

// assignee is whom work is for: a user, or nobody, then with what is wrong about that, if anything is.
type assignee struct{ id, email, wanted, problem string }

// prepare loads the users, and takes as many turns as the batch needs: the row of those who take turns is locked once.
func (s *staff) prepare(ctx context.Context, c *carrying) error {
	s.owners = map[string]string{}
	counts := map[string]int{}
	assigns := false
	for i := range c.pending {
		to, ok := c.assigns(&c.pending[i])
		assigns = assigns || ok
		if ok && len(to.Among) > 0 {
			counts[turnKey(to.Among)]++
		}
	}
	if !assigns {
		return nil
	}
	var err error
	if s.users, err = c.tx.UserIDs(ctx); err != nil {
		return err
	}
	s.turns, err = c.tx.Turns(ctx, counts)
	return err
}

// assigns says whom an effect gives work to. An owner is assigned to those who have none.
func (c *carrying) assigns(p *pending) (campaign.Assign, bool) {
	switch e := p.effect.(type) {
	case campaign.PlanCall:
		return e.Assign, true
	case campaign.CreateTask:
		return e.Assign, true
	case campaign.AssignOwner:
		return e.Assign, c.staff.owner(p) == "" || ownerStep(p.v, e.Step)
	case campaign.PlanEmail, campaign.PlanSMS, campaign.PlanWebhook, campaign.WriteNote, campaign.UpdateCustomer,
		campaign.IssueCoupon, campaign.StartJourney, campaign.RecordDecision:
	}
	return campaign.Assign{}, false
}

func turnKey(among []string) string { return strings.Join(among, "\n") }

// owner gives the address of the customer's owner as this batch leaves it; "" for none.
func (s *staff) owner(p *pending) string {
	if owner, changed := s.owners[p.d.Customer.ID]; changed {
		return owner
	}
	owner, _ := p.d.Customer.Attributes[ownerAttribute].(string)
	return strings.TrimSpace(owner)
}

func (s *staff) resolve(p *pending, to campaign.Assign) assignee {
	switch {
	case to.Owner:
		if owner := s.owner(p); owner != "" {
			return s.user(owner, "The owner")
		}
		return assignee{}
	case len(to.Among) > 0:
		return s.next(to.Among)
	case to.User == "":
		return assignee{problem: "The rule named nobody"}
	default:
		return s.user(to.User, "The user")
	}
}

func (s *staff) user(email, role string) assignee {
	email = strings.ToLower(strings.TrimSpace(email))
	if id, ok := s.users[email]; ok {
		return assignee{id: id, email: email}
	}
	return assignee{wanted: email, problem: fmt.Sprintf("%s %s is no user of this workspace", role, email)}
}

// next gives the work to the next in turn. Who is no user is passed over.
func (s *staff) next(among []string) assignee {
	known := slices.DeleteFunc(slices.Clone(among), func(email string) bool { return s.user(email, "").id == "" })
	if len(known) == 0 {
		return assignee{wanted: among[0], problem: "None of " + strings.Join(among, ", ") + " is a user of this workspace"}
	}
	key := turnKey(among)
	turn := s.turns[key]
	s.turns[key]++
	return s.user(known[turn%int64(len(known))], "")
}
