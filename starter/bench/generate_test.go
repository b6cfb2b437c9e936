package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func madeUp(customers, each int) *population {
	return &population{
		Workspace: 1, Source: 2, Customers: customers, Events: customers * each, Seed: 1,
		Now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
	}
}

// field gives the value of a column of a row.
func field[T any](t *testing.T, columns []string, row []any, name string) T {
	t.Helper()
	require.Len(t, row, len(columns))
	value, ok := row[slices.Index(columns, name)].(T)
	require.True(t, ok, name)
	return value
}

func TestPopulationIsRepeatable(t *testing.T) {
	t.Parallel()
	a, b := madeUp(1000, 10), madeUp(1000, 10)
	for i := range 100 {
		n := 99 - i // in another order
		wantCustomer, wantEvent := a.customer(n), a.event(n)
		require.Equal(t, wantCustomer, b.customer(n))
		require.Equal(t, wantEvent, b.event(n))
	}
	b.Seed = 2
	require.NotEqual(t, a.customer(1), b.customer(1))
	require.NotEqual(t, a.event(1), b.event(1))
}

func TestPopulationCustomers(t *testing.T) {
	t.Parallel()
	p := madeUp(5000, 10)
	ids := map[uuid.UUID]bool{}
	var before time.Time
	types := map[string]map[string]int{}
	for n := range p.Customers {
		row := p.customer(n)
		id := uuid.UUID(field[[16]byte](t, customerColumns(), row, "id"))
		require.Equal(t, uuid.Version(7), id.Version())
		require.Equal(t, uuid.RFC4122, id.Variant())
		ids[id] = true
		created := field[time.Time](t, customerColumns(), row, "created_at")
		require.False(t, created.Before(before), "customers come in order of their numbers")
		require.False(t, created.After(p.Now))
		before = created
		require.True(t, slices.IsSorted(field[[]string](t, customerColumns(), row, "tags")))
		dec := json.NewDecoder(bytes.NewReader(field[[]byte](t, customerColumns(), row, "attributes")))
		dec.UseNumber()
		var got map[string]any
		require.NoError(t, dec.Decode(&got))
		for name, value := range got {
			kind := "other"
			switch value.(type) {
			case string:
				kind = "text"
			case json.Number:
				kind = "number"
			case bool:
				kind = "boolean"
			case map[string]any:
				kind = "object"
			}
			if types[name] == nil {
				types[name] = map[string]int{}
			}
			types[name][kind]++
		}
	}
	require.Len(t, ids, p.Customers, "ids that are not unique")
	all := float64(p.Customers)
	for name, kind := range map[string]string{
		"plan": "text", "city": "text", "age": "number", "score": "number", "birthday": "text", "newsletter": "boolean", "address": "object",
	} {
		right, total := types[name][kind], 0
		for _, n := range types[name] {
			total += n
		}
		require.InDelta(t, 0.88, float64(right)/all, 0.02, "%s is of its type", name)
		require.InDelta(t, 0.02, float64(total-right)/all, 0.01, "%s is of a wrong type", name)
	}
	require.Len(t, types, 7)
}

func TestPopulationEvents(t *testing.T) {
	t.Parallel()
	p := madeUp(2000, 10)
	created := map[[16]byte]time.Time{}
	for n := range p.Customers {
		created[p.customerID(n)] = p.created(n)
	}
	names, each, ids := map[string]int{}, map[[16]byte]int{}, map[[16]byte]bool{}
	before, late := p.start(), 0
	for i := range p.Events {
		row := p.event(i)
		at := field[time.Time](t, eventColumns(), row, "occurred_at")
		require.False(t, at.Before(before), "events come in order of their numbers")
		require.False(t, at.After(p.Now))
		before = at
		if at.After(p.Now.Add(-historySpan / 18)) {
			late++
		}
		customer := field[[16]byte](t, eventColumns(), row, "customer_id")
		came, known := created[customer]
		require.True(t, known)
		require.False(t, at.Before(came), "an event of a customer who was not there yet")
		each[customer]++
		ids[field[[16]byte](t, eventColumns(), row, "id")] = true
		name := field[string](t, eventColumns(), row, "name")
		names[name]++
		var got struct {
			Total    json.Number
			Sku      string
			Category string
			Items    []struct {
				Price    json.Number
				Quantity int
			}
		}
		require.NoError(t, json.Unmarshal(field[[]byte](t, eventColumns(), row, "properties"), &got))
		switch name {
		case orderCompleted:
			require.Regexp(t, `^\d+\.\d\d$`, got.Total.String())
			require.NotEmpty(t, got.Sku)
			require.LessOrEqual(t, len(got.Items), 3)
			require.NotEmpty(t, got.Items)
		case productViewed:
			require.Contains(t, categories, got.Category)
			require.NotEmpty(t, got.Sku)
		}
	}
	require.Len(t, ids, p.Events, "ids that are not unique")
	all := float64(p.Events)
	for name, want := range map[string]float64{pageViewed: .6, productViewed: .15, cartUpdated: .1, orderCompleted: .1, emailClicked: .05} {
		require.InDelta(t, want, float64(names[name])/all, 0.02, name)
	}
	require.InDelta(t, 0.08, float64(late)/all, 0.01, "events of the last month")
	most := 0
	for _, n := range each {
		most = max(most, n)
	}
	require.Greater(t, most, 40, "somebody does much more than the average")
	require.Less(t, len(each), p.Customers, "somebody does nothing")
}

func TestPopulationSmall(t *testing.T) {
	t.Parallel()
	p := madeUp(1, 1)
	require.NotEmpty(t, p.customer(0))
	require.NotEmpty(t, p.event(0))
	require.Len(t, p.sample(10), 1)
	require.Len(t, madeUp(100, 1).sample(7), 7)
}

func TestFiftyRules(t *testing.T) {
	t.Parallel()
	all := fiftyRules()
	require.Len(t, all, 50)
	slices.Sort(all)
	require.Len(t, slices.Compact(all), 50, "a rule stands there twice")
}
