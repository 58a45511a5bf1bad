#!/usr/bin/env bash
# demo.sh: makes an AMI of the sample image with the real packer on the embedded
# EC2, launches it under Xen, and checks it over the network. Run it with "make
# demo", which builds what it needs. With KEEP=1, localec2 and an instance stay.
set -euo pipefail
cd "$(dirname "$0")/.."

# The demo doesn't use the user's AWS account or change the user's Packer settings.
unset "${!AWS_@}" "${!PKR_@}"
export AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo AWS_EC2_METADATA_DISABLED=true
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_PAGER=
export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
export PACKER_CONFIG_DIR=$PWD/build/demo PACKER_PLUGIN_PATH=$PWD/build/demo/plugins CHECKPOINT_DISABLE=1
mkdir -p build/demo

exec 3< <(exec bin/localec2 -listen 127.0.0.1:0 2>build/demo/localec2.log)
server=$!
trap 'kill $server' EXIT
endpoint=
read -r -t 10 endpoint <&3 || true
if [[ $endpoint != AWS_ENDPOINT_URL=* ]]; then
  echo "demo: localec2 did not start:" >&2
  cat build/demo/localec2.log >&2
  exit 1
fi
export "${endpoint?}"
echo "local EC2: $endpoint"

packer plugins install --path bin/packer-plugin-unikernel github.com/unikernel-ami/unikernel
start=$EPOCHREALTIME
packer build -var image=build/hello/kernel.gz -var ramdisk=build/hello/ramdisk \
  -var 'cmdline=console=hvc0 quiet hello=demo' -var 'console_text=hello: serving on port 80' \
  -var report=build/demo/smoke-test.html examples/quickstart/unikernel.pkr.hcl
seconds=$(echo "$start $EPOCHREALTIME" | awk '{printf "%.1f", $2 - $1}')

if ! command -v aws >/dev/null; then
  echo "demo: awscli is not installed; not showing the AMI"
  exit 0
fi
aws() {
  command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"
}
read -r ami snapshot < <(aws ec2 describe-images --owners self --output text \
  --query 'Images[0].[ImageId, BlockDeviceMappings[0].Ebs.SnapshotId]')
blocks=$(aws ebs list-snapshot-blocks --snapshot-id "$snapshot" --query 'length(Blocks)')

# An instance, as a user of the AMI launches one, and the page that it serves.
group=$(aws ec2 create-security-group --group-name demo --description 'opens port 80' --query GroupId --output text)
aws ec2 authorize-security-group-ingress --group-id "$group" --protocol tcp --port 80 --cidr 0.0.0.0/0 >/dev/null
instance=$(aws ec2 run-instances --image-id "$ami" --instance-type t1.micro --security-group-ids "$group" \
  --query 'Instances[0].InstanceId' --output text)
aws ec2 wait instance-running --instance-ids "$instance"
address=$(aws ec2 describe-instances --instance-ids "$instance" --query 'Reservations[0].Instances[0].PublicIpAddress' --output text)
echo "demo: $instance runs; waiting for its page"
page=$(curl -fsS --retry 120 --retry-delay 1 --retry-connrefused "http://$address/" 2>build/demo/curl.log) || {
  cat build/demo/curl.log >&2
  exit 1
}

echo
printf '%-16s %s\n' region "$AWS_REGION" AMI "$ami" snapshot "$snapshot" 'blocks uploaded' "$blocks" 'packer build' "$seconds s" \
  instance "$instance" report "$PWD/build/demo/smoke-test.html"
echo
echo "curl http://$address/"
echo "$page"
[ -n "${KEEP:-}" ] || exit 0

trap - EXIT
cat <<EOF

localec2 and the instance are still running. To use them from this shell:
  export $endpoint AWS_REGION=$AWS_REGION AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo
  aws --endpoint-url \$AWS_ENDPOINT_URL ec2 get-console-output --instance-id $instance --output text
To stop them:
  kill $server
EOF
