# smt-ha: the lab, its stack and the checks. Production stacks need only Pulumi: see README.md.
.DEFAULT_GOAL := help
.PHONY: help up preview status down test acceptance faults bench

STACK ?= dev

help: ## show the targets
	@sed -n 's/^\([a-z]*\):.*## /make \1	/p' Makefile

node_modules/.package-lock.json: package-lock.json package.json $(wildcard sdks/*/*.ts sdks/*/*/*.ts)
	npm ci --no-audit --no-fund --loglevel=error
	touch $@

up: node_modules/.package-lock.json ## start the lab and bring its stack up
	toolchain/build >/dev/null
	lab/up
	lab/stack $(STACK) up

preview: node_modules/.package-lock.json ## show what up would do
	lab/up
	lab/stack $(STACK) preview

status: node_modules/.package-lock.json ## show what runs of the lab, and what is wrong with its stack
	lab/status
	lab/smt-ha status --stack $(STACK)

down: ## destroy the stack and stop the lab
	lab/stack $(STACK) down
	lab/down

test: node_modules/.package-lock.json ## all checks that need no machines
	scripts/check

acceptance: node_modules/.package-lock.json ## the whole system on the lab's machines; PARTS="cluster service" for some
	npm run --silent test:acceptance

faults: node_modules/.package-lock.json ## every fault under load, into docs/results.md; some two hours
	PARTS=faults npm run --silent test:acceptance

bench: node_modules/.package-lock.json ## time of up and of each step, into docs/performance.md; BASE=FILE compares
	npm run --silent bench
