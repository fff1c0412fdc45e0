# Thin: installs what is missing, then lets Meson and the test runner work. See README.md.
RELEASE := build/release
CUSTOS  := $(RELEASE)/src/custos
MESON_RELEASE := --buildtype=release -Ddebug=true

.PHONY: run build test check fuzz bench screenshots install clean

# Starts Custos with its embedded default and two demo cameras. ARGS="..." is passed on.
run: build
	@tools/install_packages.sh run
	@exec $(CUSTOS) run --demo $(ARGS)

build:
	@tools/install_packages.sh build
	@tools/configure.sh $(RELEASE) $(MESON_RELEASE)
	@ninja -C $(RELEASE) --quiet

test:
	@tools/install_packages.sh build test
	@python3 tools/run_tests.py test

check:
	@tools/install_packages.sh build test check
	@python3 tools/run_tests.py check

fuzz:
	@tools/install_packages.sh build test
	@python3 tools/fuzz.py $(ARGS)

bench: build
	@tools/install_packages.sh bench
	@python3 bench/bench.py $(ARGS)

# Every page of a real site into docs/screenshots. ARGS="--only live" takes one.
screenshots: build
	@tools/install_packages.sh screenshots
	@CUSTOS=$(abspath $(CUSTOS)) /usr/bin/python3 tools/screenshots.py $(ARGS)

install: build
	@meson install -C $(RELEASE)
	@packaging/after_install.sh "$(DESTDIR)"

clean:
	rm -rf build
