package campaign

func (d *Definition) Caution(k Known) Violations { return nil }
func Schema() []byte                             { return []byte("{}") }
