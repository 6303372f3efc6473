// Command vsr upscales video with KDSR, a blind super-resolution network.
package main

func main() {}
