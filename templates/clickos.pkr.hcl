# An AMI of a ClickOS middlebox.
#
#   packer build -var image=build/clickos_x86_64 clickos.pkr.hcl
#   packer build -var image=build/clickos_x86_64 -var environment=prod clickos.pkr.hcl
#
# Configuration: under xl, ClickOS gets its Click configuration through xenstore
# after it has started. On EC2 nobody writes one there, and it stays idle: build
# the configuration into the image. So there is one image for each environment.
#
# Network: EC2 hands packets only to the address and the MAC that it has given
# out. A configuration that forwards for others needs the instance's
# source/destination check off.
#
# Instances: of the previous generation, as only these run PV: T1, M1, M2, M3,
# C1 and C3, where the region has them.

packer {
  required_plugins {
    unikernel = {
      version = ">= 0.1.0"
      source  = "github.com/unikernel-ami/unikernel"
    }
  }
}

variable "image" {
  description = "The image that ClickOS's make has built, an ELF."
  type        = string
  default     = "build/clickos_x86_64"
}

variable "build_command" {
  description = "What makes the image, if that is to be done first."
  type        = string
  default     = ""
}

variable "name" {
  description = "What the AMI is called, in front of the environment and the time."
  type        = string
  default     = "middlebox"
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
    # What only a tested AMI may go through comes here, in the same block.
  }
}
