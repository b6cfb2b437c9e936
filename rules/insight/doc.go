// Package insight is arithmetic about customers and experiments on the numbers that it is handed. It is pure: no I/O, no
// clock, no randomness. It imports gonum and the standard library. Start reading at ProportionTest.
package insight
