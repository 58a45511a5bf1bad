; A boot sector for tests: spoils a service of the BIOS, and starts the boot sector
; that is in sector 1. Assembled with nasm -f bin and one of
;   -DNO_MAP    E820 fails
;   -DEND_CARRY E820 ends its list with the carry flag, not with EBX = 0
;   -DNO_A20    the BIOS switches A20 off when it is asked to switch it on
;   -DFAST_A20  A20 is off, and the BIOS cannot switch it on; port 0x92 can
;   -DBIOS_A20  A20 is off; the BIOS can switch it on
HOME equ 0x600

bits 16
org HOME
    cli
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, 0x7c00
    cld
    mov si, 0x7c00
    mov di, HOME
    mov cx, 256
    rep movsw
    jmp 0:.moved
.moved:
    sti
    mov si, packet
    mov ah, 0x42
    int 0x13
    mov eax, [0x15 * 4]
    mov [old], eax
    mov dword [0x15 * 4], hook
%ifdef FAST_A20
    call a20_off
%elifdef BIOS_A20
    call a20_off
%endif
    jmp 0:0x7c00

hook:
%ifdef NO_MAP
    cmp ax, 0xe820
    je failed
%elifdef END_CARRY
    cmp ax, 0xe820
    jne .other
    cmp byte [cs:ended], 1
    je failed
    pushf
    call far [cs:old]
    test ebx, ebx
    jnz .more
    mov byte [cs:ended], 1
    mov ebx, 0x1234             ; one more, which fails
.more:
    push bp
    mov bp, sp
    and byte [bp + 6], 0xfe
    pop bp
    iret
.other:
%else
    cmp ax, 0x2401
    %ifdef NO_A20
    jne .other
    call a20_off
    iret
    .other:
    %elifdef FAST_A20
    je failed
    %endif
%endif
    jmp far [cs:old]

failed:
    push bp
    mov bp, sp
    or byte [bp + 6], 1         ; CF
    pop bp
    iret

a20_off:
    push ax
    in al, 0x92
    and al, 0xfc
    out 0x92, al
    pop ax
    ret

old:    dd 0
ended:  db 0
packet: db 16, 0
        dw 1, 0x7c00, 0
        dq 1
    times 510 - ($ - $$) db 0
    dw 0xaa55
