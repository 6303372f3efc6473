module vsr/tools/lint

go 1.26

tool (
	github.com/golangci/misspell/cmd/misspell
	github.com/gostaticanalysis/forcetypeassert/cmd/forcetypeassert
	github.com/kisielk/errcheck
	github.com/sivchari/containedctx/cmd/containedctx
	honnef.co/go/tools/cmd/staticcheck
	mvdan.cc/unparam
)

require (
	github.com/BurntSushi/toml v1.4.1-0.20240526193622-a339e1f7089c // indirect
	github.com/golangci/misspell v0.7.0 // indirect
	github.com/gostaticanalysis/forcetypeassert v0.2.0 // indirect
	github.com/kisielk/errcheck v1.9.0 // indirect
	github.com/sivchari/containedctx v1.0.3 // indirect
	golang.org/x/exp/typeparams v0.0.0-20231108232855-2478ac86f678 // indirect
	golang.org/x/mod v0.23.0 // indirect
	golang.org/x/sync v0.11.0 // indirect
	golang.org/x/tools v0.30.0 // indirect
	honnef.co/go/tools v0.6.1 // indirect
	mvdan.cc/unparam v0.0.0-20250301125049-0df0534333a4 // indirect
)
