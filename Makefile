# Short names for the scripts in Cluster/dev and Tests; each of them can also be run by itself.
#   make run ARGS="--http-port 8081"      further words for `relay standalone`
#   make test ONLY=lint                   some steps only: lint, build, unit, interop, helm, stories
#   make bench SUITE="cpu memory"         some suites only; QUICK=1 for a look, ARGS=--write-readme for the page
#   make bench-scaling TRACES=folder      figures of the autoscaler on demand traces (CSV: t_s,demand)
#   make soak SECONDS=60
#   make cluster ARGS="--count edges=5"   more words for Cluster/dev/cluster.py; ARGS=--help lists them
#   make chaos ONLY="origin-kill redis-*" some scenarios only; QUICK=1 for short faults, ARGS=--write-readme for the page
#   make fuzz ARGS="300 FuzzFLV"          seconds each, and some targets only

.DEFAULT_GOAL := help
.PHONY: help run cluster build test test-kubernetes test-terraform lint format bench bench-scaling chaos soak fuzz clean
ARGS ?=
ONLY ?=
SUITE ?=
TRACES ?=
QUICK ?=

help: ## show this list
	@echo 'edge-relay: make TARGET'
	@sed -nE 's/^([a-z-]+):.*## (.*)$$/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

run: ## build, start a relay with a test picture, say what to open; Ctrl-C ends it
	@Cluster/dev/run.sh $(ARGS)

cluster: ## Redis, two origins, three edges and a test picture on this machine; Ctrl-C ends them
	@Cluster/dev/cluster.sh $(ARGS)

build: ## build everything, optimised
	@Cluster/dev/build.sh

test: ## install what tests need and run them all, real clients included
	@Tests/Tools/test.sh $(ONLY)

test-kubernetes: ## the chart and the autoscaler on a real control plane, built once (10 minutes, then 5)
	@Tests/Kubernetes/kubernetes.sh $(ARGS)

test-terraform: ## validate, plan, and apply against a local mock of AWS
	@Tests/Terraform/terraform.sh $(ARGS)

lint: ## formatting, layout and the rules of the wire code
	@Tests/Tools/lint.sh

format: ## format all Swift files in place
	@Tests/Tools/lint.sh --fix

bench: ## measure CPU, delay and memory against the floor (20 minutes or more)
	@Tests/Tools/bench.sh $(SUITE) $(if $(QUICK),--quick) $(ARGS)

bench-scaling: ## the autoscaler's accuracy, crowds, scale-ins, tick, and a fleet of 10 M viewers (half an hour)
	@Tests/Tools/bench-scaling.sh $(if $(TRACES),--traces $(TRACES)) $(SUITE) $(ARGS)

chaos: ## break real clusters and hold what viewers see against what is promised (half an hour)
	@Cluster/scenarios/chaos.sh $(if $(QUICK),--quick) $(ONLY) $(ARGS)

soak: ## ten minutes of churn; memory and descriptors must come back
	@Tests/Tools/bench.sh soak $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

fuzz: ## fuzz each parser for a minute
	@Tests/Tools/fuzz.sh $(ARGS)

clean: ## remove build products and logs
	@rm -rf .build .build-* Tests/Benchmarks/.build Tests/Fuzz/.build
