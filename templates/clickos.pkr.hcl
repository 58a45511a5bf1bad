# An AMI of a ClickOS middlebox.
#
#   packer build -var image=build/clickos_x86_64 clickos.pkr.hcl
#   packer build -var image=build/clickos_x86_64 -var environment=prod clickos.pkr.hcl
#
# Configuration: under xl, ClickOS gets its Click configuration through xenstore
# after it has started. On EC2, nothing writes it, and ClickOS stays idle. Build the
# configuration into the image, and build one image for each environment.
#
# Network: EC2 delivers only packets for the instance's own address and MAC. To
# forward packets for others, turn off the instance's source/destination check.
#
# Instances: only previous-generation types run PV AMIs: T1, M1, M2, M3, C1 and C3, if
# the region offers them. With boot_method = "pv-shim", the AMI runs on HVM types of the
# Xen system instead, such as t2, m4 and c4.

packer {
  required_plugins {
    unikernel = {
      version = ">= 0.1.0"
      source  = "github.com/unikernel-ami/unikernel"
    }
  }
}

variable "image" {
  description = "The ELF image that ClickOS's make built."
  type        = string
  default     = "build/clickos_x86_64"
}

variable "build_command" {
  description = "A command that builds the image first, if any."
  type        = string
  default     = ""
}

variable "name" {
  description = "The prefix of the AMI's name; the environment and a timestamp are appended."
  type        = string
  default     = "middlebox"
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

source "unikernel-ami" "clickos" {
  image         = var.image
  build_command = var.build_command
  region        = var.region
  environment   = var.environment
  ami_name      = "${var.name}-{{ .Environment }}-{{ timestamp }}"
  tags          = { Service = var.name }
}

build {
  sources = ["source.unikernel-ami.clickos"]

  post-processors {
    post-processor "unikernel-smoke-test" {
      name   = "smoke-test"
      except = var.http_port == 0 ? ["unikernel-ami.clickos"] : []
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
