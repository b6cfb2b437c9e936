package campaign

import (
	"fmt"

	"dotyk/rules/insight"
)

// ArmCount is how an arm of an experiment did.
type ArmCount struct {
	Arm     string `json:"arm"`
	Reached int    `json:"reached"` // customers who came to it, and whom its messages reached
	Hits    int    `json:"hits"`    // of them, those who did what By counts
}

func (c ArmCount) rate() float64 {
	if c.Reached == 0 {
		return 0
	}
	return float64(c.Hits) / float64(c.Reached)
}

func (c ArmCount) String() string {
	return fmt.Sprintf("%s with %d of %d (%.2f%%)", c.Arm, c.Hits, c.Reached, 100*c.rate())
}

// Choose decides an experiment from the counts of its arms: the best arm wins if it is better than the second best by the
// two-proportion z-test with pooled variance, two-sided, else the default. Of equal arms the first of the file is the
// better. An arm without a count has reached nobody.
func (s *SplitStep) Choose(counts []ArmCount) Winner {
	best, second := s.bestTwo(counts)
	z, p := insight.ProportionTest(best.Hits, best.Reached, second.Hits, second.Reached)
	figures := fmt.Sprintf("%s did best, before %s: z = %.3f, p = %.4f", best, second, z, p)
	if p < s.Alpha {
		return Winner{Arm: best.Arm, Reason: fmt.Sprintf("%s wins by %s: %s, under %g", best.Arm, s.By, figures, s.Alpha)}
	}
	return Winner{
		Arm:    s.Default,
		Reason: fmt.Sprintf("%s wins by default: by %s, %s, not under %g", s.Default, s.By, figures, s.Alpha),
	}
}

// bestTwo gives the two arms of the highest rates.
func (s *SplitStep) bestTwo(counts []ArmCount) (best, second ArmCount) {
	for _, arm := range s.Arms {
		if arm.Winner {
			continue
		}
		count := ArmCount{Arm: arm.Name}
		for _, c := range counts {
			if c.Arm == arm.Name {
				count = c
			}
		}
		switch {
		case best.Arm == "" || count.rate() > best.rate():
			best, second = count, best
		case second.Arm == "" || count.rate() > second.rate():
			second = count
		}
	}
	return best, second
}
