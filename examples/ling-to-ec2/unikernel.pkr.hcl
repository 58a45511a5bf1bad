# From an Erlang program on LING to a tested AMI, in one go:
#
#   railing image -n web -e '-dhcp -s web'
#   packer build unikernel.pkr.hcl
#
# or with railing run by Packer itself:
#
#   packer build -var build_command="railing image -n web -e '-dhcp -s web'" unikernel.pkr.hcl
#
# railing writes the image and a domain_config that names it, with the command
# line as "extra". The disk's menu.lst carries that line to the node; -dhcp must
# be in it, since EC2 gives addresses by DHCP. Then an instance of the AMI is
# launched, on a type with no more memory than this LING stands, and must serve
# a page. An AMI that fails is deregistered.
#
# A unikernel with a fixed address compiled in goes the same way; it needs a
# subnet that has this address:
#
#   packer build -var image=www.xen -var subnet_id=subnet-0123456789abcdef0 \
#     -var private_ip_address=10.0.0.5 unikernel.pkr.hcl

packer {
  required_plugins {
    unikernel = {
      version = ">= 0.1.0"
      source  = "github.com/unikernel-ami/unikernel"
    }
  }
}

variable "image" {
  description = "The domain_config, or an image."
  type        = string
  default     = "domain_config"
}

variable "build_command" {
  description = "What makes them, if that is to be done first."
  type        = string
  default     = ""
}

variable "cmdline" {
  description = "A command line in place of the extra in domain_config."
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

variable "port" {
  description = "The port that it serves HTTP on."
  type        = number
  default     = 80
}

variable "path" {
  description = "The page that it must serve."
  type        = string
  default     = "/"
}

variable "subnet_id" {
  description = "The subnet to test it in. Default: one of the default VPC."
  type        = string
  default     = ""
}

variable "private_ip_address" {
  description = "The address that is compiled into the image, if one is. Default: DHCP."
  type        = string
  default     = ""
}

source "unikernel-ami" "web" {
  image         = var.image
  build_command = var.build_command
  cmdline       = var.cmdline
  region        = var.region
  environment   = var.environment
  ami_name      = "${var.name}-{{ .Environment }}-{{ timestamp }}"
  tags          = { Service = var.name }
}

build {
  sources = ["source.unikernel-ami.web"]

  post-processors {
    post-processor "unikernel-smoke-test" {
      name = "smoke-test"
      http {
        port = var.port
        path = var.path
      }
      subnet_id                   = var.subnet_id
      private_ip_address          = var.private_ip_address
      associate_public_ip_address = true
      result                      = "smoke-test.json"
      report                      = "smoke-test.html"
    }
    # What only a tested AMI may go through comes here, in the same block.
  }
}
