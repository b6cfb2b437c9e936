package campaign

// Applied lets tests play the part of the store.
var Applied = applied
