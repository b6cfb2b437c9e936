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

// arm gives the index of an arm by its name, or of the default one if there is none of this name.
func (s *SplitStep) arm(name string) int {
	chosen := 0
	for i, arm := range s.Arms {
		switch {
		case arm.Winner:
		case arm.Name == name:
			return i
		case arm.Name == s.Default:
			chosen = i
		}
	}
	return chosen
}
