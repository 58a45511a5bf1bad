environment = "prod"

# With us-east-1, the nine regions that run paravirtual instances.
copy_regions = [
  "ap-northeast-1",
  "ap-southeast-1",
  "ap-southeast-2",
  "eu-central-1",
  "eu-west-1",
  "sa-east-1",
  "us-west-1",
  "us-west-2",
]

# The accounts of the teams that launch the release.
ami_users = ["111122223333"]
