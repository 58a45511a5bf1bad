# An AMI of a program on Mini-OS for Xen PV.
#
#   make                    # in Mini-OS, with the program included
#   packer build -var image=mini-os.gz minios.pkr.hcl
#   packer build -var image=mini-os.gz -var environment=prod minios.pkr.hcl
#
# Image: build Mini-OS with CONFIG_PARAVIRT. Without it, the image is for PVH, which
# PV-GRUB can't start, and is rejected.
#
# Network: EC2 assigns addresses by DHCP. Build Mini-OS with lwIP; the program must
# request an address.
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
  description = "The image that Mini-OS's make built, plain or compressed."
  type        = string
  default     = "mini-os.gz"
}

variable "build_command" {
  description = "A command that builds the image first, if any."
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

variable "cmdline" {
  description = "The command line, which the program finds in start_info."
  type        = string
  default     = ""
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
