package av
import ("testing";"os";"strconv";"fmt")
func TestTmp(t *testing.T){
 w,_:=strconv.Atoi(os.Getenv("W")); h,_:=strconv.Atoi(os.Getenv("H"))
 for n:=1;n<9;n+=2 { for b:=0;b<4;b++ { for _,g:=range []int{1,2,5,15,24} { for _,p:=range []string{"ultrafast","superfast","veryfast","faster"} {
  for _,q:=range []int{22,36}{
  if os.Getenv("V")!="" {fmt.Println(n,b,g,p,q)}
  if _,err:=RoundTrip(RoundTripOptions{Codec:os.Getenv("C"),Quality:q,GOP:g,BFrames:b,Preset:p}, movingFrames(w,h,n)); err!=nil {t.Fatal(n,b,g,p,q,err)}
 }}}}}
}
