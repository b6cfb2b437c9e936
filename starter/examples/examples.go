package examples

import "embed"

// Files holds NAME.yaml for each campaign and the folder templates.
//
//go:embed *.yaml templates
var Files embed.FS

// Names lists the campaigns' files.
func Names() []string { return []string{"welcome.yaml", "post-purchase.yaml", "win-back.yaml"} }
