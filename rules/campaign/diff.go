package campaign

// Difference is one thing that two versions of a campaign do not have in common.
type Difference struct {
	Path   string `json:"path"` // of a step by its id: "steps.hello.template"
	Before any    `json:"before,omitempty"`
	After  any    `json:"after,omitempty"`
}

// Diff lists what is different in b, in the order of the file; steps are told apart by their ids.
func Diff(a, b *Definition) []Difference { return nil }
