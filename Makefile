# The project's commands. Each one says what it does; none asks a question.
#
#   build      nsched's programs, static, in bin/
#   parts      etcd, etcdctl and CoreDNS for the lab and the tests, in bin/parts/
#   lint       formatting, vet, staticcheck and the house rules
#   unit       tests that need no lab
#   e2e        tests on real hosts, in the lab (root)
#   test       everything, as CI does; ends with a table
#   demo       the whole system on this machine, in a lab of its own (root); KEEP=1 leaves it running
#   bench      benchmarks, with the machine they ran on, BENCH=regexp COUNT=n; and figures of whole
#              clusters in the lab (root), FIGURES="group…" or none
#   fuzz       every fuzz target for FUZZTIME (20s); FUZZ=regexp
#   soak       100,000 simulated clusters, SOAK="-seed 1 -seeds 5000" or none, reported in bin/log/soak.txt
#              with the seed to go on with and what failed; and beside them faults at
#              random on real hosts (root), CHAOS="--for 30m --seed 1" or none, reported in bin/log/chaos.md
#   install    programs, systemd units and man pages under PREFIX, below DESTDIR
#   uninstall  the same away again; running apps stay, and so does their state
#   clean      bin/ away

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
.PHONY: build parts lint unit e2e test demo bench soak fuzz install uninstall clean
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# Asked outside the module and without the toolchain switch: an older go command would try to fetch a
# newer one before it answered.
GO_WANTED := 1.26
ifneq ($(filter-out install uninstall clean,$(or $(MAKECMDGOALS),build)),)
  GO_FOUND := $(patsubst go%,%,$(shell cd / && GOTOOLCHAIN=local go env GOVERSION 2>/dev/null))
  ifeq ($(GO_FOUND),)
    $(error nsched is built with Go $(GO_WANTED) or newer; there is no go on the PATH)
  endif
  ifneq ($(shell printf '%s\n' $(GO_WANTED) $(firstword $(GO_FOUND)) | sort -V | head -n 1),$(GO_WANTED))
    $(error nsched is built with Go $(GO_WANTED) or newer; this is Go $(GO_FOUND))
  endif
endif

PREFIX   ?= /usr/local
BINDIR   ?= $(PREFIX)/bin
UNITDIR  ?= $(PREFIX)/lib/systemd/system
MANDIR   ?= $(PREFIX)/share/man/man1
FUZZTIME ?= 20s
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# Static and without the builder's paths: the shim runs where nothing but the kernel is promised, and
# two machines should build the same bytes.
GO_BUILD := CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)'

# Built and not `go run`: a signal reaches it, and no second voice follows its last line.
SUITE    := go build -o bin/suite ./.ci/suite && exec bin/suite
PROGRAMS := $(notdir $(patsubst %/main.go,%,$(wildcard cmd/nsched*/main.go)))

build:
	@mkdir -p bin
	CGO_ENABLED=0 go build ./...
	$(if $(PROGRAMS),$(GO_BUILD) -o bin/ $(addprefix ./cmd/,$(PROGRAMS)))

parts:
	@mkdir -p bin/parts
	cd cmd/nsched-lab/parts/etcd && $(GO_BUILD) -o $(CURDIR)/bin/parts/etcd go.etcd.io/etcd/server/v3
	cd cmd/nsched-lab/parts/etcd && $(GO_BUILD) -o $(CURDIR)/bin/parts/etcdctl go.etcd.io/etcd/etcdctl/v3
	cd cmd/nsched-lab/parts/coredns && $(GO_BUILD) -o $(CURDIR)/bin/parts/coredns .

lint:
	@$(SUITE) lint

unit:
	@$(SUITE) unit

e2e: build parts
	@.ci/setup test
	@$(SUITE) e2e

test:
	@.ci/setup test
	@$(MAKE) --no-print-directory build parts
	@$(SUITE)

demo:
	@.ci/setup demo
	@$(MAKE) --no-print-directory build parts
	@KEEP='$(KEEP)' bin/nsched-lab demo

# Both run to their ends, and either's failure is the target's.
soak:
	@[ '$(CHAOS)' = none ] || .ci/setup test
	@$(MAKE) --no-print-directory build $(if $(filter none,$(CHAOS)),,parts)
	@mkdir -p bin/log; sim=0; chaos=0; \
	if [ '$(CHAOS)' != none ]; then bin/nsched-lab chaos --report bin/log/chaos.md $(CHAOS) & hurt=$$!; fi; \
	if [ '$(SOAK)' != none ]; then bin/nsched-sim -report bin/log/soak.txt $(or $(SOAK),-seeds 100000) || sim=$$?; fi; \
	if [ '$(CHAOS)' != none ]; then wait $$hurt || chaos=$$?; cat bin/log/chaos.md; fi; \
	exit $$(( sim > chaos ? sim : chaos ))

bench:
	@BENCH='$(BENCH)' COUNT='$(COUNT)' FIGURES='$(FIGURES)' .ci/bench

fuzz:
	@FUZZTIME='$(FUZZTIME)' FUZZ='$(FUZZ)' .ci/fuzz

install:
	@.ci/install '$(DESTDIR)' '$(BINDIR)' '$(UNITDIR)' '$(MANDIR)'

uninstall:
	@.ci/install --remove '$(DESTDIR)' '$(BINDIR)' '$(UNITDIR)' '$(MANDIR)'

clean:
	rm -rf bin
