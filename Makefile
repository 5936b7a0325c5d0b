# SPDX-License-Identifier: Apache-2.0
# A thin front of Meson: what people type. `make help` lists it.

PREFIX  ?= /usr/local
SECONDS ?= 60
MESON   ?= meson
NINJA   ?= ninja
export ADIT ?= $(CURDIR)/build/adit

.DELETE_ON_ERROR:
.PHONY: all help need-build demo check test fresh bench fuzz soak coverage mutate tidy format install clean

all: need-build build/build.ninja
	@$(NINJA) -C build --quiet
	@test ! -x build/src/cli/adit || ln -sf src/cli/adit build/adit
	@test -x build/adit || { echo "build/adit was not built" >&2; exit 1; }

help:
	@echo 'make               release build; the program is build/adit'
	@echo 'make demo          a VPN between two network namespaces on this machine, with figures'
	@echo 'make check         the quick gate: unit tests, fuzz corpora, house rules; no root, a minute once it is built'
	@echo 'make test          check, sanitizers, worlds of the simulator, installation, demo, interop with openvpn'
	@echo 'make fresh         make demo and make test inside a bare Debian 12'
	@echo 'make bench         the comparison with openvpn, as ratios; ARGS="--rows RE --rounds N", `bench/run.py --help`'
	@echo 'make fuzz          each fuzz target for SECONDS=n (60); MEMORY=1 with the memory sanitizer'
	@echo 'make soak          the simulation with new seeds on all cores, for SECONDS=n (600) or RUNS=n worlds a core'
	@echo 'make coverage      lines and branches that the quick tests reach, by room; FILES=src/... shows what they miss'
	@echo 'make mutate        deliberate faults, one at a time, each of which the quick tests must notice'
	@echo 'make tidy          clang-tidy'
	@echo 'make format        clang-format over the tree'
	@echo 'make install       into PREFIX (/usr/local), below DESTDIR'
	@echo 'make clean         remove the build folders'

need-build:
	@tools/need build

build/build.ninja: | need-build
	@$(MESON) setup build --buildtype=release -Ddebug=true -Dtests=false --prefix=$(abspath $(PREFIX)) >build.log 2>&1 \
	    || { cat build.log; rm -f build.log; rm -rf build; exit 1; }
	@rm -f build.log

demo: all
	@tools/need demo
	@python3 tests/demo/demo.py

check:
	@tools/need build check
	@tools/gate check

test:
	@tools/need build check demo test
	@$(MAKE) --no-print-directory all
	@tools/gate test

fresh:
	@tools/need fresh
	@tools/fresh

# The generators are built like the program: what measures must not be slower than what is measured.
bench: all
	@tools/need bench
	@test -x build/bench/gen/bench-udp || $(MESON) setup --reconfigure build -Dbench=true >build/configure.log 2>&1 \
	    || { cat build/configure.log; exit 1; }
	@$(NINJA) -C build --quiet
	@python3 bench/run.py $(ARGS)

fuzz:
	@tools/need build check fuzz
	@tools/fuzz $(if $(MEMORY),--memory) $(SECONDS)

# SECONDS and RUNS are asked for on the command line; without either it is ten minutes.
soak:
	@tools/need build check soak
	@test -f build-debug/build.ninja || $(MESON) setup build-debug --buildtype=debugoptimized -Dtests=true >/dev/null
	@$(NINJA) -C build-debug --quiet
	@RUNS=$(RUNS) tools/soak $(if $(filter file,$(origin SECONDS)),$(if $(RUNS),0,600),$(SECONDS))

coverage:
	@tools/need build check coverage
	@tools/coverage $(FILES)

mutate:
	@tools/need build check mutate
	@tools/mutate $(ONLY)

tidy:
	@tools/need build check tidy
	@tools/tidy

format:
	@tools/need check
	@tools/check-format --fix

install: all
	@$(MESON) setup --reconfigure build --prefix=$(abspath $(PREFIX)) >build/configure.log 2>&1 \
	    || { cat build/configure.log; exit 1; }
	@$(NINJA) -C build --quiet
	@DESTDIR=$(DESTDIR) $(MESON) install -C build --no-rebuild --quiet

clean:
	rm -rf build build-debug build-asan build-tsan build-fuzz build-msan build-cov build-tidy
