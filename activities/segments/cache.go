package segments

import (
	"sync"

	"dotyk/activities/store"
	"dotyk/rules"
)

// maxCached bounds the memory of a Cache; beyond it, it starts anew.
const maxCached = 5000

// Cache keeps compiled rules of segments. A version of a segment never changes, so nothing in it is ever stale. The
// zero value is ready, and safe for concurrent use.
type Cache struct {
	mu    sync.Mutex
	rules map[cacheKey]*rules.Rule
}

type cacheKey struct {
	segment string // a UUID, so that it names the workspace as well
	version int
}

// Get gives the compiled rule of a segment. The error is a *rules.Error: it cannot be compiled.
func (c *Cache) Get(seg store.LiveSegment) (*rules.Rule, error) {
	key := cacheKey{seg.ID, seg.Version}
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.rules[key]; r != nil {
		return r, nil
	}
	r, err := compile(seg.Rule, nil)
	if err != nil {
		return nil, err
	}
	if c.rules == nil || len(c.rules) >= maxCached {
		c.rules = map[cacheKey]*rules.Rule{}
	}
	c.rules[key] = r
	return r, nil
}

// compile compiles the rule of a segment. What the schema says changes what is said about the rule, never what it means.
func compile(source string, schema *rules.Schema) (*rules.Rule, error) {
	return rules.Compile(source, rules.Options{Want: rules.WantBool, Schema: schema})
}
