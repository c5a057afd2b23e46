# make run    installs what is missing, then shows a bed on the board at http://127.0.0.1:8080
# make test   installs what is missing, then checks and tests everything
# make lint | bench | bench-hub | bench-accuracy | soak | fuzz | test-arm64 | test-gpio | model | schemas
# make deb | test-deb | pictures | image | test-image | clean

PYTHON ?= python3
SOURCE ?=
CORPORA ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt
CODE := convert deploy edge hub train tests

.PHONY: run test lint bench bench-hub bench-accuracy soak fuzz test-arm64 test-gpio model schemas pictures \
  deb test-deb image test-image clean packages-run packages-test packages-arm64 packages-gpio packages-image
.DELETE_ON_ERROR:

run: $(VENV)/run.stamp
	@deploy/demo.sh $(SOURCE)

test: $(VENV)/test.stamp lint
	$(BIN)/pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/test.stamp
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy convert deploy edge hub train

bench: $(VENV)/test.stamp
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.hub_store
	$(BIN)/python -m tests.bench.hub_load

# The same load for five minutes each.
bench-hub: $(VENV)/test.stamp
	$(BIN)/python -m tests.bench.hub_load 300

# An hour: two hundred kills of everything, a hundred of the hub under a ward's traffic and as many with
# its broker, a broker that comes and goes, and the alert engine whatever happens in whatever order.
soak: $(VENV)/test.stamp
	$(BIN)/python -m tests.resilience
	$(BIN)/python -m tests.hub.engine_soak

# Many hours on two cores. CORPORA is a folder of corpora, those that train/ward.toml names; what is finished
# is kept. SEEDS=0 is a third of it.
SEEDS ?= 0 1 2
# TensorFlow asks for large memory and gives it back at every step; kept instead, that halves the time.
KEPT_MEMORY := MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=268435456 MALLOC_ARENA_MAX=1
model: $(VENV)/test.stamp
	@test -n "$(CORPORA)" || { echo "Say where the corpora are: make model CORPORA=FOLDER" >&2; exit 64; }
	PATH="$(abspath $(BIN)):$$PATH" $(KEPT_MEMORY) train/make_model.sh "$(CORPORA)" $(SEEDS)

# Days on two cores: the other systems, trained and judged on the same folds. What is finished is kept.
bench-accuracy: $(VENV)/test.stamp
	@test -n "$(CORPORA)" || { echo "Say where the corpora are: make bench-accuracy CORPORA=FOLDER" >&2; exit 64; }
	$(PIP) install --quiet -e '.[compare]'
	PATH="$(abspath $(BIN)):$$PATH" $(KEPT_MEMORY) train/bench_accuracy.sh "$(CORPORA)"

# What reads model files on a bed, given whatever bytes: FUZZ_S seconds of it. What is learnt is kept.
FUZZ_S ?= 1800
fuzz: $(VENV)/test.stamp
	@mkdir -p .cache
	$(BIN)/python tests/edge/fuzz_model.py .cache/fuzz-model -max_total_time=$(FUZZ_S) -artifact_prefix=.cache/

# The same model files on the processors of Raspberry Pis, emulated, and on x86-64, and their instructions
# counted: some minutes, the first time more. What is fetched or made (500 MB) is kept in .cache.
test-arm64: $(VENV)/test.stamp packages-arm64
	$(BIN)/python -m tests.arm64

# The tests of pins with a real kernel's simulated chip: some minutes the first time, to make that kernel.
test-gpio: $(VENV)/test.stamp packages-gpio
	$(BIN)/python -m tests.gpio

schemas: $(VENV)/run.stamp
	$(BIN)/python -m edge.schemas

# Those in the installer's guide: drawn, and taken from a running hub and bed.
pictures: $(VENV)/test.stamp
	$(BIN)/python tests/deploy/make_pictures.py

# The Debian packages of bed and hub, in out/deb: ARCH=arm64 or amd64, RELEASE=trixie (Debian 13) or bookworm (12).
ARCH ?= arm64
RELEASE ?= trixie
deb: $(BIN)/python
	$(BIN)/python -m deploy.packages --arch $(ARCH) --release $(RELEASE)

# Some minutes, as root: both packages installed, upgraded, removed and purged in a Debian 13 of their own (or 12), the
# hub's guide done literally, and deploy/cloud-init started.
test-deb: $(VENV)/test.stamp | packages-image
	$(MAKE) deb ARCH=amd64
	RELEASE=$(RELEASE) $(BIN)/pytest tests/deb

# The image for a box's card, in out/image; as root, about ten minutes the first time, then three.
image: $(BIN)/python | packages-image
	$(MAKE) deb ARCH=arm64
	deploy/image/make-image.sh

# That image in a box of its own, emulated, and all that may happen to a box on a ward: as root, about 45 minutes.
test-image: $(VENV)/test.stamp image | packages-arm64
	$(BIN)/pytest --verbose --capture no --timeout 1800 tests/image

clean:
	rm -rf $(VENV) .run .cache out build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

packages-run packages-test packages-arm64 packages-gpio packages-image:
	@deploy/install-packages.sh $(@:packages-%=%)

$(BIN)/python: | packages-run
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; $(PYTHON) is older: make PYTHON=python3.11" >&2; exit 69; }
	@echo "==> Making the virtual environment $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: setup.cfg pyproject.toml constraints.txt $(BIN)/python | packages-run
	@echo "==> Installing the Python packages of edge and hub"
	@$(PIP) -e '.[edge,hub]'
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp | packages-test
	@echo "==> Installing the Python packages for training, conversion and tests"
	@$(PIP) -e '.[edge,hub,train,test]'
	@touch $@
