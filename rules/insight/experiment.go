package insight

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// ProportionTest compares the rates of two arms: hitsA of nA customers and hitsB of nB did what is counted. It is the
// two-proportion z-test with pooled variance, without continuity correction (statsmodels' proportions_ztest); p is
// two-sided, and z is positive where A's rate is the higher one.
//
// Where nothing can be told, because an arm is empty or all or none of the customers of both did it, z is 0 and p is 1.
func ProportionTest(hitsA, nA, hitsB, nB int) (z, p float64) {
	a, b := newArm(hitsA, nA), newArm(hitsB, nB)
	if a.n == 0 || b.n == 0 {
		return 0, 1
	}
	pooled := newArm(a.hits+b.hits, a.n+b.n).rate()
	deviation := math.Sqrt(pooled * (1 - pooled) * (1/float64(a.n) + 1/float64(b.n)))
	if deviation == 0 {
		return 0, 1
	}
	z = (a.rate() - b.rate()) / deviation
	return z, 2 * distuv.UnitNormal.Survival(math.Abs(z))
}

// ChiSquare tells whether the rates of several arms can be one and the same: hits[i] of n[i] customers of arm i did what
// is counted. It is Pearson's test of homogeneity without continuity correction (R's prop.test for more than two arms),
// with df degrees of freedom, one fewer than arms.
//
// Empty arms are left out, and so are those of the longer list where the lists differ in length. Where nothing can be
// told, because fewer than two arms are left or all or none of the customers did it, chi2 is 0 and p is 1.
func ChiSquare(hits, n []int) (chi2 float64, df int, p float64) {
	var arms []arm
	var all arm
	for i := range min(len(hits), len(n)) {
		if a := newArm(hits[i], n[i]); a.n > 0 {
			arms = append(arms, a)
			all.hits += a.hits
			all.n += a.n
		}
	}
	df = max(len(arms)-1, 0)
	variance := all.rate() * (1 - all.rate())
	if df == 0 || variance == 0 {
		return 0, df, 1
	}
	for _, a := range arms {
		difference := a.rate() - all.rate()
		chi2 += float64(a.n) * difference * difference / variance
	}
	return chi2, df, distuv.ChiSquared{K: float64(df)}.Survival(chi2)
}

// Wilson gives the score interval of a rate (Wilson 1927, without continuity correction): hits of n customers, and the
// confidence, such as 0.95. Of nobody it is the whole of 0 to 1.
func Wilson(hits, n int, confidence float64) (low, high float64) {
	a := newArm(hits, n)
	if a.n == 0 {
		return 0, 1
	}
	z, size, rate := quantile(confidence), float64(a.n), a.rate()
	if math.IsInf(z, 1) {
		return 0, 1
	}
	center := rate + z*z/(2*size)
	spread := z * math.Sqrt(rate*(1-rate)/size+z*z/(4*size*size))
	scale := 1 + z*z/size
	// At the edges rounding would leave a trace.
	return max((center-spread)/scale, 0), min((center+spread)/scale, 1)
}

// Difference gives the interval of A's rate less B's (Newcombe 1998, method 10: the hybrid of both Wilson intervals), with
// the confidence, such as 0.95. With nobody in either arm it is the whole of -1 to 1.
func Difference(hitsA, nA, hitsB, nB int, confidence float64) (low, high float64) {
	a, b := newArm(hitsA, nA), newArm(hitsB, nB)
	if a.n == 0 || b.n == 0 {
		return -1, 1
	}
	lowA, highA := Wilson(a.hits, a.n, confidence)
	lowB, highB := Wilson(b.hits, b.n, confidence)
	difference := a.rate() - b.rate()
	low = difference - math.Hypot(a.rate()-lowA, highB-b.rate())
	high = difference + math.Hypot(highA-a.rate(), b.rate()-lowB)
	return max(low, -1), min(high, 1)
}

// SampleSize gives how many customers each of two arms needs for ProportionTest to find the difference of the rates p1 and
// p2 with that power, such as 0.8, at the level alpha, such as 0.05; round it up. The convention is that of R's
// power.prop.test: two-sided, equal arms, pooled variance under the hypothesis of no difference, and the chance to find a
// difference of the wrong sign left aside.
//
// It is infinite where no number is enough: for equal rates, alpha of 0 or less, and power of 1 or more.
func SampleSize(p1, p2, alpha, power float64) float64 {
	p1, p2 = clamp(p1), clamp(p2)
	if p1 == p2 || alpha <= 0 || power >= 1 || math.IsNaN(alpha+power) {
		return math.Inf(1)
	}
	mean := (p1 + p2) / 2
	least := quantile(1-alpha)*math.Sqrt(2*mean*(1-mean)) + distuv.UnitNormal.Quantile(clamp(power))*spread(p1, p2)
	if least <= 0 {
		return 0 // even the smallest sample has more power than that
	}
	return least / (p1 - p2) * (least / (p1 - p2))
}

// Power gives the chance that ProportionTest at the level alpha finds the difference of the rates p1 and p2 with n
// customers in each of two arms, by the convention of SampleSize.
func Power(p1, p2, alpha float64, n int) float64 {
	p1, p2 = clamp(p1), clamp(p2)
	mean, deviation := (p1+p2)/2, spread(p1, p2)
	if p1 == p2 || n <= 0 || math.IsNaN(alpha) {
		return clamp(alpha / 2)
	}
	reached := math.Sqrt(float64(n))*math.Abs(p1-p2) - quantile(1-alpha)*math.Sqrt(2*mean*(1-mean))
	if deviation == 0 { // one rate is 0 and the other 1
		if reached > 0 {
			return 1
		}
		return 0
	}
	return distuv.UnitNormal.CDF(reached / deviation)
}

// arm is one way of an experiment, with 0 <= hits <= n.
type arm struct{ hits, n int }

func newArm(hits, n int) arm {
	n = max(n, 0)
	return arm{hits: min(max(hits, 0), n), n: n}
}

func (a arm) rate() float64 {
	if a.n == 0 {
		return 0
	}
	return float64(a.hits) / float64(a.n)
}

// spread is the deviation of the difference of two rates, for one customer in each arm.
func spread(p1, p2 float64) float64 { return math.Sqrt(p1*(1-p1) + p2*(1-p2)) }

// quantile is how many standard deviations to either side hold that share of a normal distribution.
func quantile(confidence float64) float64 {
	return distuv.UnitNormal.Quantile((1 + clamp(confidence)) / 2)
}

// clamp keeps a share between 0 and 1; what is no number is 0.
func clamp(share float64) float64 {
	if math.IsNaN(share) {
		return 0
	}
	return min(max(share, 0), 1)
}
