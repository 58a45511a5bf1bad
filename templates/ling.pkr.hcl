# An AMI of an Erlang program on LING, as "railing image" makes it.
#
#   railing image -n web -e '-dhcp -s web'
#   packer build ling.pkr.hcl
#   packer build -var http_port=80 ling.pkr.hcl   # keeps the AMI only if it answers
#   packer build -var environment=prod ling.pkr.hcl
#   packer build -var build_command="railing image -n web -e '-dhcp -s web'" ling.pkr.hcl
#
# Network: LING asks for an address only where an option says so, and EC2 gives
# one by DHCP. So -dhcp must be among the extra options. What follows it must be
# another option, or nothing: after a plain word LING ignores -dhcp, comes up
# without a network, and doesn't complain.
#
# Memory: LING stops with more than 4 GiB, and images from before 2015-06-23 with
# more than 2 GiB. Start it on t1.micro, m1.small or c1.medium; a later one also
# on m1.medium, m3.medium or c3.large.

packer {
  required_plugins {
    unikernel = {
      version = ">= 0.1.0"
      source  = "github.com/unikernel-ami/unikernel"
    }
  }
}

variable "image" {
  description = "The domain_config that railing writes. It names the image, and the command line as extra."
  type        = string
  default     = "domain_config"
}

variable "build_command" {
  description = "What makes image and domain_config, if that is to be done first."
  type        = string
  default     = ""
}

variable "cmdline" {
  description = <<-EOT
    A command line in place of the extra in domain_config. Quotes '...' and "..."
    keep blanks together; a backslash is just a backslash. More than 1023 bytes
    are refused: LING would get no more.
  EOT
  type        = string
  default     = ""
}

variable "name" {
  description = "What the AMI is called, in front of the environment and the time."
  type        = string
  default     = "web"
}

variable "region" {
  description = "The region to make the AMI in. PV-GRUB and PV instances must be there."
  type        = string
  default     = "us-east-1"
}

variable "environment" {
  description = "What the AMI is for: it becomes a part of its name, and a tag."
  type        = string
  default     = "dev"
}

variable "http_port" {
  description = "The port that it serves HTTP on: an AMI whose instance doesn't is not kept. 0: no test."
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
    # What only a tested AMI may go through comes here, in the same block.
  }
}
