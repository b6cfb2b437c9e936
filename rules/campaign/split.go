package campaign

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
)

// lot draws a number from 0 to 999,999 that depends on the words alone, all numbers with the same chance.
func lot(words ...string) Share {
	sum := sha256.Sum256([]byte(strings.Join(words, "/")))
	return Share(binary.BigEndian.Uint64(sum[:8]) % uint64(wholeShare))
}

// draw gives the arm to which a customer falls.
func (s *SplitStep) draw(campaign, customer string) SplitArm {
	drawn := lot("split", campaign, s.ID, customer)
	for _, arm := range s.Arms[:len(s.Arms)-1] {
		if drawn < arm.Share {
			return arm
		}
		drawn -= arm.Share
	}
	return s.Arms[len(s.Arms)-1]
}

// awaits reports whether journeys can rest at the split, until its winner is known.
func (s *SplitStep) awaits() bool {
	return slices.ContainsFunc(s.Arms, func(arm SplitArm) bool { return arm.Winner })
}

// fallback is the arm that wins if no other does.
func (s *SplitStep) fallback() string {
	if s.Default != "" {
		return s.Default
	}
	for _, arm := range s.Arms {
		if !arm.Winner {
			return arm.Name
		}
	}
	return ""
}

// arm gives the index of an arm by its name, or of the default one if there is none of this name; -1 without both.
func (s *SplitStep) arm(name string) int {
	named := func(name string) int {
		return slices.IndexFunc(s.Arms, func(arm SplitArm) bool { return !arm.Winner && arm.Name == name })
	}
	if at := named(name); at >= 0 {
		return at
	}
	return named(s.fallback())
}
