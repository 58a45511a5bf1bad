# A paravirtual kernel of 32 bits (PAE): as little as makes one.

	.macro note type:req, size:req, content:vararg
	.long 4, \size, \type
	.asciz "Xen"
	\content
	.balign 4
	.endm

	.section .note.Xen, "", @note
	note 5, 8, .asciz "xen-3.0"
	note 8, 8, .asciz "generic"
	note 9, 4, .asciz "yes"
	note 3, 4, .long 0

	.text
	.globl _start
_start: jmp _start
