// Package storetest gives tests a real Postgres: one private server per test binary, one migrated database per test.
//
// A package that uses it calls Main from its TestMain. Start reading at New.
package storetest
