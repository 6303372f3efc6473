package encode

// InsertSEI puts a message into a coded frame.
var InsertSEI = insertSEI
