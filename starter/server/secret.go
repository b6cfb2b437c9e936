package server

// SecretKeyFile is where the standalone program keeps the key of passwords, in its data directory, if it is given none. The
// starter, which runs beside it, reads it there.
const SecretKeyFile = "secret-key"
