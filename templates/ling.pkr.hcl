# An AMI of an Erlang program on LING, built by "railing image".
#
#   railing image -n web -e '-dhcp -s web'
#   packer build ling.pkr.hcl
#   packer build -var http_port=80 ling.pkr.hcl   # keeps the AMI only if it responds
#   packer build -var environment=prod ling.pkr.hcl
#   packer build -var build_command="railing image -n web -e '-dhcp -s web'" ling.pkr.hcl
#
# Network: EC2 assigns addresses by DHCP, and LING requests one only if -dhcp is
# among the extra options. It must be followed by another option or by nothing. If a
# plain word follows, LING ignores -dhcp and starts without a network, silently.
#
# Memory: LING crashes with more than 4 GiB, and images from before 2015-06-23 with
# more than 2 GiB. Use t1.micro, m1.small or c1.medium; newer images also run on
# m1.medium, m3.medium and c3.large.

packer {
  required_plugins {
    unikernel = {
      version = ">= 0.1.0"
      source  = "github.com/unikernel-ami/unikernel"
    }
  }
}

variable "image" {
  description = "The domain_config that railing writes. It names the image, and has the command line as extra."
  type        = string
  default     = "domain_config"
}

variable "build_command" {
  description = "A command that builds the image and the domain_config first, if any."
  type        = string
  default     = ""
}

variable "cmdline" {
  description = <<-EOT
    A command line that replaces the extra in domain_config. Quotes '...' and "..."
    preserve spaces; a backslash has no special meaning. The limit is 1023 bytes,
    which is all that LING gets.
  EOT
  type        = string
  default     = ""
}

variable "name" {
  description = "The prefix of the AMI's name; the environment and a timestamp are appended."
  type        = string
  default     = "web"
}

variable "region" {
  description = "The AMI's region. It must offer PV-GRUB and PV instances."
  type        = string
  default     = "us-east-1"
}

variable "environment" {
  description = "The environment: part of the AMI's name, and a tag."
  type        = string
  default     = "dev"
}

variable "http_port" {
  description = "The HTTP port to test. An AMI that doesn't respond is removed. 0 disables the test."
  type        = number
  default     = 0
}

source "unikernel-ami" "ling" {
  image         = var.image
  build_command = var.build_command
  cmdline       = var.cmdline
  region        = var.region
  environment   = var.environment
  ami_name      = "${var.name}-{{ .Environment }}-{{ timestamp }}"
  tags          = { Service = var.name }
}

build {
  sources = ["source.unikernel-ami.ling"]

  post-processors {
    post-processor "unikernel-smoke-test" {
      name   = "smoke-test"
      except = var.http_port == 0 ? ["unikernel-ami.ling"] : []
      http {
        port = var.http_port
      }
      report = "smoke-test.html"
    }
    # Add post-processors for tested AMIs here, in the same block, for example:
    # post-processor "unikernel-copy" {
    #   ami_regions = ["eu-west-1", "us-west-2"]
    # }
    # post-processor "unikernel-publish" {
    #   ami_users      = ["111122223333"]
    #   ssm_parameters = ["/unikernel/{{ .Family }}/{{ .Environment }}/ami"]
    # }
  }
}
