#!/usr/bin/env bash
# release-demo.sh: runs examples/release-pipeline for dev, staging and prod on the local
# EC2: an AMI for each, a smoke test under Xen, copies to nine regions, launch
# permissions, SSM parameters and a manifest. A second run makes no new AMI. Run it with
# "make release-demo", which builds what it needs.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/localec2.sh

output=$PWD/build/demo/release
rm -rf "$output"
mkdir -p "$output"
hello=$PWD/build/hello

release() {
  make --no-print-directory -C examples/release-pipeline release ENVIRONMENT="$1" VERSION=1.0.0 \
    IMAGE="$hello/kernel.gz" OUTPUT="$output" \
    PACKER_VARS="-var ramdisk=$hello/ramdisk -var cmdline='console=hvc0 quiet'"
}

# images prints every AMI in every region of the release, with its state.
images() {
  for region in us-east-1 us-west-1 us-west-2 eu-west-1 eu-central-1 sa-east-1 ap-northeast-1 ap-southeast-1 ap-southeast-2; do
    aws --region $region ec2 describe-images --owners self --output text \
      --query "sort_by(Images, &Name)[].['$region', Name, ImageId, VirtualizationType, State]"
  done
}

for environment in dev staging prod; do release $environment; done
images >"$output/images.txt"

echo
echo "the same release again:"
for environment in dev staging prod; do release $environment >>"$output/again.log"; done
images | diff "$output/images.txt" - && echo "no AMI has changed"

echo
column -t "$output/images.txt" 2>/dev/null || cat "$output/images.txt"
echo
aws ssm get-parameters-by-path --path /unikernel --recursive --output text --query 'Parameters[].[Name, Value]'
aws ec2 describe-image-attribute --attribute launchPermission --output text --query 'LaunchPermissions[].UserId' \
  --image-id "$(aws ssm get-parameter --name /unikernel/web/prod/ami --query Parameter.Value --output text)"
echo
echo "manifest: $output/release-prod.json"
