# An AMI of a program on Mini-OS for Xen PV.
#
#   make                    # of Mini-OS, with the program in it
#   packer build -var image=mini-os.gz minios.pkr.hcl
#   packer build -var image=mini-os.gz -var environment=prod minios.pkr.hcl
#
# Image: one with CONFIG_PARAVIRT. Without, Mini-OS is built for PVH, which
# PV-GRUB can't start; the build refuses it.
#
# Network: EC2 gives addresses by DHCP. Mini-OS has lwIP where it was built with
# it, and the program must ask for an address.
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
  description = "The image that Mini-OS's make has built, plain or packed."
  type        = string
  default     = "mini-os.gz"
}

variable "build_command" {
  description = "What makes the image, if that is to be done first."
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

variable "cmdline" {
  description = "The command line, which the program finds in start_info."
  type        = string
  default     = ""
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

source "unikernel-ami" "minios" {
  image         = var.image
  build_command = var.build_command
  cmdline       = var.cmdline
  region        = var.region
  environment   = var.environment
  ami_name      = "${var.name}-{{ .Environment }}-{{ timestamp }}"
  tags          = { Service = var.name }
}

build {
  sources = ["source.unikernel-ami.minios"]

  post-processors {
    post-processor "unikernel-smoke-test" {
      name   = "smoke-test"
      except = var.http_port == 0 ? ["unikernel-ami.minios"] : []
      http {
        port = var.http_port
      }
      report = "smoke-test.html"
    }
    # What only a tested AMI may go through comes here, in the same block.
  }
}
