// SPDX-License-Identifier: MPL-2.0

// Package objects stores large things under keys: old output, git bundles,
// later artifacts and caches.
//
// On a cluster that is S3 or anything that speaks its protocol; embedded it is
// a folder. Both go through gocloud.dev/blob. An object appears whole or not at
// all and is replaced in one step; once Put has returned it is durable.
//
// Addresses:
//
//	file:///var/lib/muster/objects?base_url=http://127.0.0.1:8585/objects
//	s3://bucket?region=eu-central-1
//	s3://bucket?region=any&endpoint=http://minio:9000&s3ForcePathStyle=true
//
// base_url is where the file store's Handler is served; without it signed URLs
// begin with HandlerPath and are for whoever knows where that is. Credentials for S3 come from where the AWS SDK looks:
// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, profile, or instance role. Google
// Cloud Storage is reached through its S3-compatible endpoint.
//
// In a folder a name cannot be both a file and a folder: do not use a key and
// the same key with "/" behind it.
package objects
