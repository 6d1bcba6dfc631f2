module github.com/muster-ci/muster/tools/vault

go 1.26

require (
	github.com/hashicorp/vault v1.19.0
	github.com/hashicorp/vault/api v1.16.0
	github.com/hashicorp/vault/sdk v0.15.2
)

require (
	github.com/godbus/dbus v4.1.0+incompatible // indirect
	github.com/gsterjov/go-libsecret v0.0.0-20161001094733-a6f4afe4910c // indirect
)
