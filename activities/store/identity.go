package store

// identityKind is the kind of an id by which a customer is known.
type identityKind string

const (
	userID      identityKind = "user"
	anonymousID identityKind = "anonymous"
)

// token is one id by which a customer is known.
type token struct {
	kind  identityKind
	value string
}

// known is what the resolver must know of a customer.
type known struct {
	id       string
	external string // the site's own id; "" while anonymous
	email    string
	created  bool // made by this resolver: an INSERT is due
	promoted bool // external was set by this resolver: an UPDATE is due
}

// merge is one record taking over another.
type merge struct{ winner, loser, reason string }

// resolver decides, message by message, which customer each belongs to. It holds what the store knows of the ids in
// the messages, and collects what must be written: new customers, new and changed identities, merges. It is pure.
type resolver struct {
	newID    func() string
	tokens   map[token]*known
	emails   map[string]*known // by e-mail; the record that the site knows, where there are several
	leads    map[string]*known // by e-mail; records that the site does not know yet
	byID     map[string]*known
	merged   map[string]string // loser -> winner
	created  []*known
	promoted []*known
	changed  map[token]bool // identities to write
	merges   []merge
}

func newResolver(newID func() string) *resolver {
	return &resolver{
		newID: newID, tokens: map[token]*known{}, emails: map[string]*known{}, leads: map[string]*known{}, byID: map[string]*known{},
		merged: map[string]string{}, changed: map[token]bool{},
	}
}

// final follows merges to the record that is left.
func (r *resolver) final(id string) string {
	for {
		next, ok := r.merged[id]
		if !ok {
			return id
		}
		id = next
	}
}

// resolve gives the customer a message belongs to.
func (r *resolver) resolve(m *Message) *known {
	switch {
	case m.CustomerID != "":
		if k, ok := r.byID[r.final(m.CustomerID)]; ok {
			return k
		}
		k := &known{id: m.CustomerID}
		r.byID[k.id] = k
		return k
	case m.PreviousID != "" && (m.Call == CallAlias || m.Call == CallMerge):
		return r.alias(m)
	case m.UserID != "":
		return r.user(m)
	case m.AnonymousID != "":
		return r.anonymous(m)
	default:
		return r.byEmail(m)
	}
}

func (r *resolver) user(m *Message) *known {
	user := token{userID, m.UserID}
	u := r.tokens[user]
	anon := token{anonymousID, m.AnonymousID}
	var a *known
	if m.AnonymousID != "" {
		a = r.tokens[anon]
	}
	switch {
	case u == nil && a != nil && a.external == "": // the visitor gives the name by which the site knows them
		u = r.promote(a, m.UserID)
	case u == nil:
		if u = r.lead(m); u != nil {
			u = r.promote(u, m.UserID)
		} else {
			u = r.create(m.UserID)
			r.attach(user, u)
		}
	}
	switch {
	case m.AnonymousID == "" || a == u:
	case a != nil && a.external == "": // what the visitor did before now belongs to the known customer
		r.take(u, a, "anonymous id "+m.AnonymousID+" identified as user "+m.UserID)
	default: // a new browser, or one that several people share: from now on it is this customer's
		r.attach(anon, u)
	}
	r.learnEmail(u, m)
	return u
}

// lead is a record without an id of the site's own that has the e-mail of the message: a form's or an import's.
func (r *resolver) lead(m *Message) *known {
	if m.Profile.Email == nil || *m.Profile.Email == "" {
		return nil
	}
	if k := r.leads[*m.Profile.Email]; k != nil && k.external == "" {
		return k
	}
	return nil
}

func (r *resolver) anonymous(m *Message) *known {
	anon := token{anonymousID, m.AnonymousID}
	a := r.tokens[anon]
	if m.Profile.MatchEmail && m.Profile.Email != nil && *m.Profile.Email != "" {
		if e := r.emails[*m.Profile.Email]; e != nil && e != a {
			switch {
			case a == nil:
				r.attach(anon, e)
				return e
			case a.external == "" && a.email == "":
				r.take(e, a, "anonymous id "+m.AnonymousID+" gave the e-mail of a known customer")
				return e
			}
		}
	}
	if a == nil {
		a = r.create("")
		r.attach(anon, a)
	}
	r.learnEmail(a, m)
	return a
}

func (r *resolver) byEmail(m *Message) *known {
	if m.Profile.Email != nil {
		if e := r.emails[*m.Profile.Email]; e != nil {
			return e
		}
	}
	k := r.create("")
	r.learnEmail(k, m)
	return k
}

func (r *resolver) alias(m *Message) *known {
	user := token{userID, m.UserID}
	u := r.tokens[user]
	p := r.tokens[token{userID, m.PreviousID}]
	if p == nil {
		p = r.tokens[token{anonymousID, m.PreviousID}]
	}
	switch {
	case u == nil && p == nil:
		u = r.create(m.UserID)
		r.attach(user, u)
	case u == nil:
		return r.promote(p, m.UserID)
	case p != nil && p != u:
		r.take(u, p, "alias of "+m.PreviousID+" to "+m.UserID)
		return u
	case p != nil:
		return u
	}
	// Nobody was known by the previous id: it may turn up later as either kind.
	r.attach(token{userID, m.PreviousID}, u)
	r.attach(token{anonymousID, m.PreviousID}, u)
	return u
}

func (r *resolver) create(external string) *known {
	k := &known{id: r.newID(), external: external, created: true}
	r.byID[k.id] = k
	r.created = append(r.created, k)
	return k
}

// promote gives a customer the id by which the site knows them.
func (r *resolver) promote(k *known, external string) *known {
	k.external = external
	if !k.created && !k.promoted {
		k.promoted = true
		r.promoted = append(r.promoted, k)
	}
	r.attach(token{userID, external}, k)
	return k
}

func (r *resolver) attach(t token, k *known) {
	r.tokens[t] = k
	r.changed[t] = true
}

func (r *resolver) take(winner, loser *known, reason string) {
	r.merges = append(r.merges, merge{winner.id, loser.id, reason})
	r.merged[loser.id] = winner.id
	r.byID[loser.id] = winner
	for t, k := range r.tokens {
		if k == loser {
			r.attach(t, winner)
		}
	}
	for _, byEmail := range []map[string]*known{r.emails, r.leads} {
		for e, k := range byEmail {
			if k == loser {
				byEmail[e] = winner
			}
		}
	}
}

func (r *resolver) learnEmail(k *known, m *Message) {
	if k.email == "" && m.Profile.Email != nil && *m.Profile.Email != "" {
		k.email = *m.Profile.Email
		if r.emails[k.email] == nil {
			r.emails[k.email] = k
		}
		if k.external == "" && r.leads[k.email] == nil {
			r.leads[k.email] = k
		}
	}
}
