module github.com/muster-ci/muster/tools/consul

go 1.26

require github.com/hashicorp/consul v1.21.0
