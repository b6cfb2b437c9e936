package campaign

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// wholeShare is the Share of all: 100%.
const wholeShare Share = 1_000_000

// percent is the Share of 1%.
const percent = wholeShare / 100

var sharePattern = regexp.MustCompile(`^([0-9]{1,3})(\.([0-9]{1,4}))?%$`)

// ErrShare is in every error of ParseShare.
var ErrShare = errors.New("not a part of all")

// ParseShare reads a part of all such as "5%" or "0.5%", with at most four places: 0% to 100%.
func ParseShare(s string) (Share, error) {
	found := sharePattern.FindStringSubmatch(s)
	if found == nil {
		return 0, fmt.Errorf("%w: %q: write a number and a percent sign, as in 5%% or 0.5%%, with at most four places",
			ErrShare, clip(s))
	}
	const places = 4
	millionths, err := strconv.Atoi(found[1] + found[3] + strings.Repeat("0", places-len(found[3])))
	if err != nil {
		return 0, fmt.Errorf("%w: %q: %w", ErrShare, s, err)
	}
	if share := Share(millionths); share <= wholeShare {
		return share, nil
	}
	return 0, fmt.Errorf("%w: %q is more than 100%%", ErrShare, s)
}

// String writes the share in the one form that ParseShare reads back: "5%", "0.5%".
func (s Share) String() string {
	text := strconv.Itoa(int(s / percent))
	if places := s % percent; places != 0 {
		text += strings.TrimRight(fmt.Sprintf(".%04d", int(places)), "0")
	}
	return text + "%"
}
