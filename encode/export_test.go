package encode

import "vsr/media"

// CheckSize asks the codec of this name whether it takes frames of a size.
func CheckSize(name string, w, h int) error {
	c, err := findCodec(name)
	if err != nil {
		return err
	}
	return c.checkSize(media.Format{Width: w, Height: h})
}

// InsertSEI puts a message into a coded frame.
var InsertSEI = insertSEI
